//! What each line says.

use super::{Abort, Denial, Ineligible, Line, PartialRefusal, StepDown, size};
use crate::base::command::CrashKind;
use crate::base::ids::{Key, NodeId};
use crate::base::names::Names;
use crate::base::rule::Rule;
use crate::base::text::many;

impl Line {
    /// The line in an operator's words.
    pub fn text(&self, names: &Names) -> String {
        let n = |node: &NodeId| names.node(*node);
        let k = |key: &Key| names.key(*key);
        let verb = |is_write: &bool| if *is_write { "PUT" } else { "GET" };
        match self {
            Line::RolePrimary { term, index } => format!("became primary term={term} at index={index}"),
            Line::RoleReplica { primary, term } => format!("following {} term={term}", n(primary)),
            Line::ElectStart { silent, term } => {
                format!("no primary for {:.0} ms, starting election term={term}", silent.as_millis())
            }
            Line::PreVote { term } => format!("asking whether an election of term={term} could be won"),
            Line::VoteGrant { candidate, term, is_pre } => {
                let kind = if *is_pre { "pre-vote" } else { "vote" };
                format!("{kind} {} term={term} granted", n(candidate))
            }
            Line::VoteDeny { candidate, term, why } => {
                format!("vote {} term={term} denied: {}", n(candidate), denial(why, names))
            }
            Line::VoteIgnored { candidate, ago } => {
                format!("ignored vote from {}: primary contact {:.0} ms ago", n(candidate), ago.as_millis())
            }
            Line::StepDown { why: StepDown::HigherTerm(term) } => format!("stepping down: saw term {term}"),
            Line::StepDown { why: StepDown::LostQuorum { heard, of } } => {
                format!("stepping down: lost majority contact, hear {heard} of {of}")
            }
            Line::PrimaryLost { primary, silent } => {
                let who = primary
                    .as_ref()
                    .map_or("no primary".to_owned(), |node| format!("primary {} down", n(node)));
                format!("{who}: silent for {:.0} ms", silent.as_millis())
            }
            Line::Promoted { by_operator: true, term } => format!("promoted by the operator, term={term}"),
            Line::Promoted { by_operator: false, term } => {
                format!("promoting myself without a vote, term={term}")
            }
            Line::SwitchStart { to } => format!("switchover to {}: taking no new writes", n(to)),
            Line::Invited { by } => format!("{} invites me to take its place", n(by)),
            Line::SwitchAbort { to, after } => {
                format!("switchover to {} given up: not ready within {after}", n(to))
            }
            Line::Fenced { mine, seen } => format!("writes refused: epoch {mine} < {seen}"),
            Line::Subjectively { node, silent } => {
                format!("{} subjectively down: silent for {:.0} ms", n(node), silent.as_millis())
            }
            Line::Objectively { node, votes, quorum } => {
                format!("{} objectively down: {votes} monitors, quorum {quorum}", n(node))
            }
            Line::FailoverTry { epoch } => format!("failover epoch={epoch}: asking the other monitors"),
            Line::FailoverSelected { node, index, epoch } => {
                format!("failover epoch={epoch}: selected {} at index {index}", n(node))
            }
            Line::FailoverEnd { node, epoch } => {
                format!("failover epoch={epoch}: {} is primary", n(node))
            }
            Line::FailoverAbort { why, epoch } => match why {
                Abort::NoGoodReplica => format!("failover epoch={epoch} given up: no good replica"),
                Abort::NotAuthorised { got, need } => {
                    format!("failover epoch={epoch} given up: {got} of {need} votes")
                }
                Abort::TimedOut => format!("failover epoch={epoch} given up: the replica did not take over"),
            },
            Line::NotEligible { why } => match why {
                Ineligible::Lag { behind, most } => format!("not promoted: lag {behind} > {most}"),
                Ineligible::Behind(other) => format!("not promoted: {} has more", n(other)),
                Ineligible::OutOfSync => "not promoted: not in the in-sync set".to_owned(),
            },
            Line::LeaseTaken { term } => format!("got the lease, term={term}"),
            Line::LeaseLost { holder: None } => "lease expired, demoting self".to_owned(),
            Line::LeaseLost { holder: Some(holder) } => {
                format!("the lease is {}'s, demoting self", n(holder))
            }
            Line::Stonith { target, after } => format!("{} killed by the fencer after {after}", n(target)),
            Line::StonithFailed { target } => {
                format!("the fencer did not reach {}: not taking over", n(target))
            }
            Line::CatchingUp { from, entries } => {
                format!("fetching {entries} newer entries from {} before taking over", n(from))
            }
            Line::Learner { node } => format!("{} asks to join: catching up, without a vote", n(node)),
            Line::Joined { node } => format!("{} has caught up and joins", n(node)),
            Line::Left { node } => format!("{} leaves the cluster", n(node)),
            Line::InSyncShrink { from, to, high } | Line::InSyncExpand { from, to, high } => {
                format!("in-sync set {} -> {} (high watermark {high})", names.nodes(from), names.nodes(to))
            }
            Line::Unclean { node, end, high } => {
                format!("unclean election: {} ends at {end}, high watermark was {high}", n(node))
            }
            Line::NoQuorum { heard, of } => format!("no quorum: see {heard} of {of}"),
            Line::QuorumBack { heard, of } => {
                format!("quorum is back: hear {heard} of {of}, taking writes again")
            }
            Line::LinkLost { peer, silent } => {
                format!("replication link to {} lost (silent {:.0} ms)", n(peer), silent.as_millis())
            }
            Line::LinkOk { peer } => format!("replication link to {} is up", n(peer)),
            Line::PartialOk { peer, from, entries } => {
                format!("partial resync of {} from index {from}, {}", n(peer), many(entries, "entry"))
            }
            Line::PartialNo { peer, why: PartialRefusal::BacklogStartsAt(first) } => {
                format!("partial resync of {} refused: backlog starts at {first}", n(peer))
            }
            Line::PartialNo { peer, why: PartialRefusal::UnknownHistory } => {
                format!("partial resync of {} refused: unknown history", n(peer))
            }
            Line::FullStart { peer, index, rows } => {
                format!("full resync of {}: snapshot {index}, {}", n(peer), many(rows, "key"))
            }
            Line::FullDone { index, rows } => {
                format!("full resync done: snapshot {index}, {}", many(rows, "key"))
            }
            Line::Diverged { at, entries, acked, primary } => {
                format!(
                    "history forks at {at}: {entries} local entries not in {} ({acked} acked)",
                    n(primary)
                )
            }
            Line::Rewind { from, keys } => format!("rewinding to {from}: fetching {}", many(keys, "old key")),
            Line::Rollback { entries, archive } => {
                format!("rolled back {} to archive #{archive}", many(entries, "entry"))
            }
            Line::MergeList { archive, both, only_here } => {
                format!(
                    "archive #{archive} to merge: {} changed on both sides, {only_here} only here",
                    many(both, "key")
                )
            }
            Line::StaysOut => "not following: rejoin=refuse, an operator must act".to_owned(),
            Line::FullAbort { peer, behind } => {
                format!(
                    "full resync of {} begins again: its buffer overflows by {}",
                    n(peer),
                    many(behind, "entry")
                )
            }
            Line::Truncate { from, to, archive } => {
                format!("truncated {from}..{to}, kept as archive #{archive}")
            }
            Line::SyncWait { index, need } => format!("commit {index} waiting for {need} more replica(s)"),
            Line::SyncFallback { after } => {
                format!("no replica confirmed within {after}, switching to async")
            }
            Line::SyncBack => "replicas caught up, synchronous again".to_owned(),
            Line::SyncCancel { waiting } => {
                format!("{waiting} wait(s) cancelled: committed locally, maybe not replicated")
            }
            Line::WaitShort { index, got, need, after } => {
                format!("wait for {index} answered with {got} of {need} replicas after {after}")
            }
            Line::TooFewReplicas { good, need } => {
                format!("write refused: {good} good replicas, need {need}")
            }
            Line::SessionLost { term, index } => {
                format!("session lost: index {index} of term {term} is not in this history")
            }
            Line::PeerSuspect { peer } => format!("suspect {}: no ack, direct or indirect", n(peer)),
            Line::PeerDown { peer, confirmations } => {
                format!("marking {} down ({})", n(peer), many(confirmations, "confirmation"))
            }
            Line::PeerConvicted { peer, phi_tenths } => {
                format!("{} is down: phi {}.{}", n(peer), phi_tenths / 10, phi_tenths % 10)
            }
            Line::PeerUp { peer } => format!("{} is up", n(peer)),
            Line::Refute { by, from, to } => {
                format!("refuting suspicion by {}, incarnation {from} -> {to}", n(by))
            }
            Line::Unavailable { key, is_write, need, alive } => {
                format!("{} {} needs {need} owners, {alive} alive", verb(is_write), k(key))
            }
            Line::QuorumTimeout { key, is_write, got, need } => {
                format!("{} {}: {got} of {need} answers before deadline", verb(is_write), k(key))
            }
            Line::HintStore { target, queued, bytes } => {
                format!("hint for {} ({queued} queued, {})", n(target), size(*bytes))
            }
            Line::HintReplay { target, sent } => format!("replayed {} to {}", many(sent, "hint"), n(target)),
            Line::HintDrop { target, down_for } => {
                format!(
                    "{} down for {:.0} s: hint window exceeded, not hinted",
                    n(target),
                    down_for.as_millis() / 1e3
                )
            }
            Line::ReadRepair { key, stale, is_blocking } => {
                let kind = if *is_blocking { "blocking" } else { "async" };
                format!("{}: {} stale, repaired ({kind})", k(key), n(stale))
            }
            Line::LwwDrop { key, stored_is_newer_by } => {
                format!("{} write discarded, stored timestamp is {stored_is_newer_by} newer", k(key))
            }
            Line::Siblings { key, siblings } => format!("{} now has {}", k(key), many(siblings, "sibling")),
            Line::SiblingsWarn { key, siblings, limit } => {
                format!("{} has {}, {limit} are worth a warning", k(key), many(siblings, "sibling"))
            }
            Line::Tombstone { key } => format!("tombstone for {}", k(key)),
            Line::Purged { tombstones, grace } => {
                format!("{} purged after {grace}", many(tombstones, "tombstone"))
            }
            Line::Resurrected { key, by: Some(by) } => format!("{} resurrected by {}", k(key), n(by)),
            Line::Resurrected { key, by: None } => {
                format!("{} resurrected: a read shows what was deleted", k(key))
            }
            Line::HintFull { target, bytes } => {
                format!("{} of hints for {}: no room, not hinted", size(*bytes), n(target))
            }
            Line::RepairStart { peer, keys } => {
                format!("repair with {}: comparing {}", n(peer), many(keys, "key"))
            }
            Line::RepairDiff { peer, leaves, came, changed } => {
                format!(
                    "repair with {}: {}, {} came ({changed} different)",
                    n(peer),
                    if *leaves == 1 {
                        "1 leaf differs".to_owned()
                    } else {
                        format!("{leaves} leaves differ")
                    },
                    many(came, "key")
                )
            }
            Line::RepairDone { peer, keys } => {
                format!("repair with {}: {}, nothing differs", n(peer), many(keys, "key"))
            }
            Line::RepairFailed { peer } => format!("repair with {} given up: it stood still", n(peer)),
            Line::SiteLost { site, silent } => {
                format!("replication to {} lost (silent {:.0} ms)", names.site(*site), silent.as_millis())
            }
            Line::SiteBack { site, missing } => {
                format!("replication to {} is back, {} to ship", names.site(*site), many(missing, "write"))
            }
            Line::SiteResume { site, from } => {
                format!("{} has {from} of our writes: shipping from there", names.site(*site))
            }
            Line::SiteForgot { site, theirs, own } => {
                let site = names.site(*site);
                format!(
                    "{site} has {theirs} writes of ours, and they are not the {own} here: disks were lost, nothing more is shipped there"
                )
            }
            Line::SiteConflict { key, kept } => {
                format!("{} written at two sites at once, showing that of {}", k(key), names.site(*kept))
            }
            Line::SiteSameId { key, id, kept } => {
                format!(
                    "{} id {id} inserted at two sites: only the row of {} stays",
                    k(key),
                    names.site(*kept)
                )
            }
            Line::MoveStart { .. }
            | Line::MoveRefused { .. }
            | Line::MoveFetched { .. }
            | Line::MoveDone { .. }
            | Line::GivenUp { .. }
            | Line::RangesDropped { .. } => super::movement::text(self, names),
            Line::InPartition { partition, line } => format!("p{partition}: {}", line.text(names)),
            Line::Started { incarnation } => format!("started, incarnation {incarnation}"),
            Line::Crash { kind, lost_records } => match kind {
                CrashKind::Process => "process crashed; written data kept".to_owned(),
                CrashKind::Power => format!("power lost; {lost_records} unflushed records gone"),
                CrashKind::DiskLoss => "crashed and lost its disk".to_owned(),
            },
            Line::Restart { kept_records } => {
                format!("restarting from disk, {}", many(kept_records, "record"))
            }
            Line::Panicked { text } => format!("the node's code panicked: {text}"),
            Line::Paused => "process paused".to_owned(),
            Line::Resumed { after, queued } => {
                format!("process resumes after {after}, {} queued", many(queued, "input"))
            }
            Line::FaultOn { number, what } => format!("f{number} {what}"),
            Line::FaultOff { number, what } => format!("f{number} healed: {what}"),
            Line::Refused { what, why } => format!("refused `{what}`: {why}"),
            Line::Applied { what } => what.to_string(),
            Line::Clock { jump_us } => format!("wall clock jumped {:+.1} ms", *jump_us as f64 / 1e3),
            Line::DiskFull => "disk full: write refused".to_owned(),
            Line::OpLost { op, key } => format!("acknowledged write {op} of {} is gone", k(key)),
            Line::OpInverted { op, key } => {
                format!("write {op} of {} beaten by one that had returned before it began", k(key))
            }
            Line::SplitBrain { nodes } => {
                format!("two primaries acknowledge writes: {} and {}", n(&nodes.0), n(&nodes.1))
            }
            Line::RuleBroken { rule, term, index } => {
                format!("rule {} broken: {} {index} of term {term}", rule.name(), here(*rule))
            }
            Line::ClientOutcome { text, .. } => text.to_string(),
        }
    }
}

fn denial(why: &Denial, names: &Names) -> String {
    match why {
        Denial::OldTerm { term } => format!("my term is {term}"),
        Denial::Voted { whom } => format!("already voted for {}", names.node(*whom)),
        Denial::OldLog { mine, theirs } => {
            format!("my log is newer ({},{})>({},{})", mine.0, mine.1, theirs.0, theirs.1)
        }
        Denial::FreshPrimary { ago } => format!("primary contact {:.0} ms ago", ago.as_millis()),
    }
}

fn here(rule: Rule) -> &'static str {
    match rule {
        Rule::OnePrimaryPerTerm => "another opened this term before; here it opens at",
        Rule::LeaderCompleteness => "the new primary lacks committed entry",
        Rule::CommittedEntryKept => "cut although known committed: entry",
        Rule::CommittedEntriesAgree => "a second entry is committed at this index: entry",
    }
}
