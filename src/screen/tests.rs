//! Pictures of fixed moments, and no panic at any size, in any view, in any look.

use super::look::{Depth, Look, THEMES, Theme};
use super::sample::{frame, frame_of};
use super::{Stage, View, Watch, draw};
use crate::base::ids::NodeId;
use crate::driver::frame::Frame;
use crate::protocol::view::ReplicaDetail;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

mod logs;

fn picture(watch: &Watch, frame: &Frame, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(watch, frame, &mut buffer);
    buffer
}

fn row_text(buffer: &Buffer, y: u16) -> String {
    (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()
}

fn text(buffer: &Buffer) -> String {
    (0..buffer.area.height).map(|y| row_text(buffer, y) + "\n").collect()
}

/// The text, and below it the style of every run of equal cells: colours are part of the picture.
fn dump(buffer: &Buffer) -> String {
    let mut out = text(buffer);
    out.push_str("styles\n");
    for y in 0..buffer.area.height {
        let mut runs: Vec<(String, u16)> = Vec::new();
        for x in 0..buffer.area.width {
            let name = style_name(buffer[(x, y)].fg, buffer[(x, y)].modifier);
            match runs.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => runs.push((name, 1)),
            }
        }
        let row: Vec<String> = runs.into_iter().map(|(name, count)| format!("{count}{name}")).collect();
        out.push_str(&format!("{y:>3} {}\n", row.join(" ")));
    }
    out
}

fn style_name(colour: Color, modifier: Modifier) -> String {
    let colour = match colour {
        Color::Reset => "-".to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        other => format!("{other:?}"),
    };
    let marks =
        [(Modifier::BOLD, "b"), (Modifier::DIM, "d"), (Modifier::REVERSED, "r"), (Modifier::UNDERLINED, "u")];
    let marks: String =
        marks.iter().filter(|(mark, _)| modifier.contains(*mark)).map(|(_, name)| *name).collect();
    format!("{colour}{marks}")
}

/// Two primaries, a node down, one paused, one isolated: the most there is to show at once.
fn troubled(run: usize) -> (Watch, Frame) {
    let frame =
        frame("same-cut-four-answers", 9_000, &["7s crash n5", "8s pause n4", "8.5s clock n1 -500ms"]);
    (Watch { run, target: Some(NodeId(1)), ..Watch::plain(Look::default()) }, frame)
}

#[test]
fn the_cluster_view_of_a_split_brain() {
    let (watch, frame) = troubled(1);
    insta::assert_snapshot!("split_brain_120x40", dump(&picture(&watch, &frame, 120, 40)));
    insta::assert_snapshot!("split_brain_80x24", dump(&picture(&watch, &frame, 80, 24)));
}

#[test]
fn the_cluster_view_of_peers_behind_a_cut() {
    let (watch, frame) = troubled(2);
    insta::assert_snapshot!("peers_120x40", dump(&picture(&watch, &frame, 120, 40)));
    insta::assert_snapshot!("peers_80x24", dump(&picture(&watch, &frame, 80, 24)));
}

/// The card of node `node` over the whole body.
fn enlarged(frame: &Frame, node: u16, scroll: usize, width: u16, height: u16) -> String {
    let target = Some(NodeId(node));
    let watch = Watch { target, is_expanded: true, scroll, ..Watch::plain(Look::default()) };
    text(&picture(&watch, frame, width, height))
}

#[test]
fn what_was_cut_off_is_read_entry_by_entry_at_any_size() {
    let after = frame("mongo-rollback", 20_000, &[]);
    let cut = after.runs[0].view.nodes.iter().find_map(|node| match &node.replica.as_ref()?.detail {
        ReplicaDetail::PrimaryReplica(detail) => detail.archive.last().cloned().map(|cut| (node.node, cut)),
        ReplicaDetail::PeerToPeer(_) => None,
    });
    let (node, cut) = cut.expect("a rollback");
    let (first, last) = (cut.from, cut.from + cut.entries - 1);
    let title = format!("{} of t{} from {first}, {} acked", cut.entries, cut.term, cut.acked);
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let top = enlarged(&after, node.0, 0, width, height);
        assert!(top.contains(&title), "{width}x{height}\n{top}");
        assert!(top.contains(&format!("▪ {first} ")), "{width}x{height}\n{top}");
        let bottom = enlarged(&after, node.0, usize::MAX, width, height);
        assert!(bottom.contains(&format!("▪ {last} ")), "{width}x{height}\n{bottom}");
    }
}

#[test]
fn a_primary_at_large_shows_who_follows_how_far() {
    let card = enlarged(&frame("playground", 3_000, &[]), 0, 0, 120, 40);
    for word in ["written", "flushed", "applied", "heard", "nothing was ever cut off its log"] {
        assert!(card.contains(word), "{word}\n{card}");
    }
}

#[test]
fn deadlines_stand_in_two_bars_that_fit_the_card() {
    let before = frame("kafka-unclean", 7_000, &[]);
    let wide = enlarged(&before, 0, 0, 120, 40);
    let bar = |name: &str| {
        let row = wide.lines().find(|row| row.contains(name)).unwrap_or_else(|| panic!("{name}\n{wide}"));
        (row.chars().filter(|c| *c == '■').count(), row.contains(" ms"))
    };
    let (stops, others) = (bar("stops "), bar("others "));
    assert!(stops.1 && others.1, "{wide}");
    assert!(stops.0 <= others.0, "a lease ends for its holder before it ends for the others\n{wide}");
    let narrow =
        text(&picture(&Watch::plain(Look::default()), &frame("jepsen-redis-2013", 8_000, &[]), 120, 40));
    let rows: Vec<&str> = narrow.lines().filter(|row| row.contains("others ■")).collect();
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row.contains(" ms│") || row.contains(" ms ")),
        "{narrow}"
    );
}

#[test]
fn each_partition_has_its_row_and_the_condensed_row_counts_the_led_ones() {
    let text_of = "format = 1\nduration = \"30s\"\n[cluster]\nnodes = 3\n[workload]\nrate = 100\nkeys = 30\n\
        [[run]]\ntopology = \"primary-replica\"\npartitions = 3\n";
    let split = frame_of(text_of, 3_000);
    let tall = text(&picture(&Watch::plain(Look::default()), &split, 120, 40));
    for part in ["p0 ", "p1 ", "p2 "] {
        assert!(tall.contains(part), "{part}\n{tall}");
    }
    let small = text(&picture(&Watch::plain(Look::default()), &split, 80, 24));
    assert!(small.contains("leads 1 of 3"), "{small}");
}

#[test]
fn a_leader_says_what_the_other_site_has_and_logs_of_different_sites_are_never_compared() {
    let text_of = "format = 1\nduration = \"30s\"\n[cluster]\nnodes = 4\n\
        sites = { east = [\"n1\", \"n2\"], west = [\"n3\", \"n4\"] }\n[workload]\nrate = 100\nkeys = 5\n\
        [[run]]\ntopology = \"multi-leader\"\n[[timeline]]\nat = \"3s\"\ndo = \"partition n1,n2 | n3,n4\"\n\
        [[timeline]]\nat = \"4s\"\ndo = \"switchover n2\"\n";
    let cut = frame_of(text_of, 6_000);
    let tall = text(&picture(&Watch::plain(Look::default()), &cut, 120, 40));
    for part in
        ["to west ", " lost", "from west ", "to east ", "from east ", "conflicts met ", "PRIMARY term 2"]
    {
        assert!(tall.contains(part), "{part}\n{tall}");
    }
    assert!(!tall.contains('◆'), "a later term in the east makes nothing of the west diverged\n{tall}");
    let small = text(&picture(&Watch::plain(Look::default()), &cut, 80, 24));
    assert!(small.contains("east log ") && small.contains(" lost"), "{small}");
}

#[test]
fn a_crowd_is_a_cell_each_and_shows_how_far_the_news_has_spread() {
    let text_of = "format = 1\nduration = \"30s\"\n[cluster]\nnodes = 150\n[workload]\nkind = \"none\"\n\
        [[run]]\ntopology = \"peer-to-peer\"\n[[timeline]]\nat = \"1s\"\ndo = \"crash n70\"\n";
    let (before, after) = (frame_of(text_of, 900), frame_of(text_of, 12_000));
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let draw = |frame: &Frame| text(&picture(&Watch::plain(Look::default()), frame, width, height));
        let quiet = draw(&before);
        assert!(quiet.contains("150 nodes: 150 up") && quiet.contains("nobody thinks ill"), "{quiet}");
        let told = draw(&after);
        assert!(told.contains("149 up, 1 crashed"), "{told}");
        assert!(told.contains("n70 down: 149 of 149 think so; first after "), "{told}");
        let crowd = || told.lines().take_while(|row| !row.contains("n70 down"));
        let cells = |sign: char| crowd().flat_map(str::chars).filter(|&c| c == sign).count();
        assert_eq!((cells('✗'), cells('■')), (1, 149), "all but the crashed one\n{told}");
    }
}

#[test]
fn the_strip_of_the_primary_that_counts_is_never_empty() {
    let split = frame("jepsen-redis-2013", 8_000, &[]);
    let text = text(&picture(&Watch::plain(Look::default()), &split, 120, 40));
    let strips = text.lines().find(|row| row.contains("◆◆◆")).expect("a diverged log");
    assert!(strips.contains("■■■"), "{text}");
}

#[test]
fn two_runs_side_by_side() {
    let (watch, frame) = troubled(1);
    let watch = Watch { view: View::SideBySide, ..watch };
    insta::assert_snapshot!("side_by_side_120x40", dump(&picture(&watch, &frame, 120, 40)));
    insta::assert_snapshot!("side_by_side_80x24", dump(&picture(&watch, &frame, 80, 24)));
}

mod judged;

#[test]
fn the_differences_stand_in_rows_at_any_size_and_scroll() {
    let (watch, frame) = troubled(0);
    let at = |scroll: usize, width: u16, height: u16| {
        let watch = Watch { view: View::Differences, scroll, ..watch.clone() };
        text(&picture(&watch, &frame, width, height))
    };
    for (width, height, runs) in [(80, 24, 2), (120, 40, 4), (200, 50, 4)] {
        let shown = at(0, width, height);
        let heads = shown.lines().skip(3).find(|row| row.contains("majority")).expect("a row of heads");
        let known =
            ["majority", "unsafe", "strict", "sloppy"].iter().filter(|id| heads.contains(**id)).count();
        assert_eq!((known, heads.contains("difference")), (runs, runs == 2), "{shown}");
        assert!(shown.contains(" 1 Who may accept a write"), "{shown}");
        let end = at(usize::MAX, width, height);
        assert!(end.contains("21 Operators' work") && end.contains("manual_actions"), "{end}");
    }
    let lost = at(0, 120, 60);
    let row = lost.lines().find(|row| row.contains("split_brain_ms")).expect("a row of figures");
    assert!(row.contains(" 0 ") && row.contains('-'), "{row}");
}

#[test]
fn a_diverged_entry_differs_from_its_neighbours_in_the_same_column() {
    let (watch, frame) = troubled(1);
    let watch = Watch { view: View::Log, ..watch };
    let shown = text(&picture(&watch, &frame, 160, 50));
    let row = shown
        .lines()
        .find(|line| line.contains('◆') && line.contains(" t2"))
        .expect("a row with both branches");
    assert!(row.contains(" t1"), "{row}");
}

#[test]
fn without_colour_the_words_still_tell() {
    let frame = frame("same-cut-four-answers", 9_000, &["7s crash n5", "8s pause n4", "8.2s isolate n3"]);
    for (width, height) in [(80, 24), (120, 40)] {
        let look = Look { depth: Depth::Mono, theme: Theme::Mono, ..Look::default() };
        let shown = text(&picture(&Watch { run: 0, ..Watch::plain(look) }, &frame, width, height));
        for word in ["crashed", "paused", "isolated", "faults"] {
            assert!(shown.contains(word), "`{word}` at {width}x{height}:\n{shown}");
        }
        let shown = text(&picture(&Watch { run: 1, ..Watch::plain(look) }, &frame, width, height));
        assert!(shown.contains("PRIMARY"), "{shown}");
    }
}

#[test]
fn every_view_at_every_size_in_every_look_draws_without_panic() {
    let frames = [troubled(0).1, frame("playground", 500, &[]), frame("async-gap", 13_000, &[])];
    let views = [
        View::Cluster,
        View::Log,
        View::Network,
        View::Metrics,
        View::SideBySide,
        View::Differences,
        View::Ledger,
        View::Checks,
        View::Keys,
    ];
    for frame in &frames {
        for (width, height) in
            [(1, 1), (20, 5), (60, 16), (61, 17), (80, 24), (120, 40), (200, 50), (300, 100)]
        {
            for (nth, view) in views.into_iter().enumerate() {
                let look = Look {
                    theme: THEMES[nth % THEMES.len()].1,
                    depth: [Depth::True, Depth::Indexed, Depth::Sixteen, Depth::Mono][nth % 4],
                    is_ascii: nth % 2 == 1,
                    is_still: nth % 3 == 1,
                };
                for run in 0..frame.runs.len() {
                    let watch = Watch {
                        view,
                        run,
                        target: [None, Some(NodeId(2))][run % 2],
                        is_expanded: nth == 2,
                        shows_markers: nth == 3,
                        stage: (run % 2 == 1).then(Stage::default),
                        ..Watch::plain(look)
                    };
                    let buffer = picture(&watch, frame, width, height);
                    if look.is_ascii {
                        assert!(text(&buffer).is_ascii(), "{view:?} {width}x{height}:\n{}", text(&buffer));
                    }
                }
            }
        }
    }
}

#[test]
fn a_window_below_the_least_size_says_what_it_needs() {
    let frame = frame("playground", 100, &[]);
    let shown = text(&picture(&Watch::plain(Look::default()), &frame, 40, 10));
    assert!(shown.contains("40x10, needs 60x16"), "{shown}");
}

#[test]
fn hostile_names_reach_no_cell() {
    let mut frame = frame("playground", 100, &[]);
    let mut head = (*frame.head).clone();
    head.id = "evil\u{1b}]52;c;\u{7}\u{202e}".to_owned();
    frame.head = head.into();
    let shown = text(&picture(&Watch::plain(Look::default()), &frame, 120, 40));
    assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

/// A thousand nodes on the smallest usual screen: all of them are there, a few in each cell, and the write that is
/// followed fills them.
#[test]
fn a_write_fills_a_crowd_of_a_thousand() {
    let scenario = "format = 1\nduration = \"9s\"\n[cluster]\nnodes = 1000\n[workload]\nkind = \"none\"\n\
        [[run]]\nid = \"r\"\ntopology = \"peer-to-peer\"\nspread = \"gossip\"\nrounds = \"together\"\n\
        detector = \"none\"\n[[timeline]]\nat = \"1s\"\ndo = \"write k=v at n1\"\n";
    let filled = |millis: u64| {
        let told = text(&picture(&Watch::plain(Look::default()), &frame_of(scenario, millis), 80, 24));
        assert!(told.contains("1000 nodes: 1000 up · 2 a cell"), "{told}");
        let rows: Vec<&str> = told.lines().filter(|row| row.starts_with("│n")).collect();
        assert!(rows.last().is_some_and(|row| row.starts_with("│n961")), "all nodes are there:\n{told}");
        let cells = |sign: char| rows.iter().flat_map(|row| row.chars()).filter(|&c| c == sign).count();
        assert_eq!(cells('·') + cells('▪') + cells('■'), 500, "{told}");
        (cells('■') + cells('▪'), told)
    };
    let ((few, early), (most, _), (all, late)) = (filled(1_150), filled(1_550), filled(3_000));
    assert!(few < 10 && (200..499).contains(&most) && all == 500, "{few} {most} {all}\n{early}");
    assert!(late.contains("k written at 00:01.000: 1000 of 1000 have it; half after 0."), "{late}");
}

/// Two sides of a cut have written a cart; it heals, and later someone puts one version in their place.
const CARTS: &str = "format = 1\nduration = \"30s\"\n[cluster]\nnodes = 5\n[workload]\nkind = \"none\"\n\
    [[run]]\nid = \"dotted\"\ntopology = \"peer-to-peer\"\nconflict = \"dotted\"\nquorum = \"sloppy\"\n\
    ring = \"even1\"\n\
    [[timeline]]\nat = \"1s\"\ndo = \"partition n1,n2 | n3,n4,n5\"\nuntil = \"8s\"\n\
    [[timeline]]\nat = \"4s\"\ndo = [\"write k0=milk+eggs+bread at n1\", \"write k0=milk+wine+olives at n4\", \
    \"write k1=plain at n3\"]\n\
    [[timeline]]\nat = \"12s\"\ndo = \"resolve k0=milk+bread+olives at n5\"\n";

/// Siblings stand below each other with their holders, at every size, and so do they on a card that is too narrow for
/// one row.
#[test]
fn siblings_side_by_side_and_who_holds_them() {
    let frame = frame_of(CARTS, 11_000);
    let keys = Watch { view: View::Keys, ..Watch::plain(Look::default()) };
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let shown = text(&picture(&keys, &frame, width, height));
        let row = |words: &str| {
            let found = shown.lines().find(|row| row.contains(words));
            found.unwrap_or_else(|| panic!("{words}\n{shown}")).to_owned()
        };
        assert!(row("keys that changed last").contains("1 with siblings"), "{shown}");
        for sibling in ["milk+eggs+bread", "milk+wine+olives"] {
            assert_eq!(row(sibling).matches('■').count(), 3, "n1, n2 and n3 own it\n{shown}");
        }
        assert!(shown.contains("k0  2 siblings") && shown.contains(":resolve k0=VALUE"), "{shown}");
    }
    insta::assert_snapshot!("keys_80x24", dump(&picture(&keys, &frame, 80, 24)));
    let cards = text(&picture(&Watch::plain(Look::default()), &frame, 120, 40));
    for part in ["k0 2 siblings:", "| milk+eggs+bread", "| milk+wine+olives"] {
        assert!(cards.contains(part), "{part}\n{cards}");
    }
    let rows = text(&picture(&Watch::plain(Look::default()), &frame, 80, 24));
    assert!(rows.contains("keys 1, 1 with siblings"), "{rows}");
}

/// The version that takes their place reaches one owner after the other.
#[test]
fn a_resolution_is_seen_to_spread() {
    let keys = Watch { view: View::Keys, ..Watch::plain(Look::default()) };
    let holders = |frame: &Frame| {
        let shown = text(&picture(&keys, frame, 80, 24));
        let of = |words: &str| {
            let row = shown.lines().find(|row| row.contains(words));
            row.map_or(0, |row| row.matches('■').count())
        };
        (of("milk+bread+olives"), of("milk+wine+olives"))
    };
    let early: Vec<_> = (12_000..12_012).map(|at| holders(&frame_of(CARTS, at))).collect();
    assert_eq!(early[0], (0, 3), "nothing is resolved yet");
    assert!(
        early.iter().any(|(new, old)| (1..3).contains(new) && *old > 0),
        "one after the other: {early:?}"
    );
    assert_eq!(holders(&frame_of(CARTS, 13_000)), (3, 0), "everywhere");
}

/// A matrix of a crowd would be no picture: who is cut off or down, and how many think so.
#[test]
fn the_network_of_a_crowd_is_a_list_of_what_is_wrong() {
    let text_of = "format = 1\nduration = \"30s\"\n[cluster]\nnodes = 60\n[workload]\nkind = \"none\"\n\
        [[run]]\ntopology = \"peer-to-peer\"\n[[timeline]]\nat = \"1s\"\ndo = [\"crash n50\", \"cut n3 > n4,n5\"]\n";
    let (before, after) = (frame_of(text_of, 900), frame_of(text_of, 12_000));
    let network = Watch { view: View::Network, ..Watch::plain(Look::default()) };
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let quiet = text(&picture(&network, &before, width, height));
        assert!(
            quiet.contains("every node reaches every other") && quiet.contains("nobody thinks ill"),
            "{quiet}"
        );
        let told = text(&picture(&network, &after, width, height));
        for part in
            ["n50   crashed", "n3    reaches 57 and hears 59 of 59", "n4    reaches 59 and hears 58 of 59"]
        {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(told.contains("n50   down to 59 of 59"), "{told}");
    }
}

/// The flagship as an audience sees it: somebody has just pressed keys, and time waits at a beat.
fn staged(look: Look, run: usize) -> (Watch, Frame) {
    let frame = Frame { waits: true, ..frame("same-cut-four-answers", 6_000, &["5.5s crash n5"]) };
    let stage = Stage { keys: vec!["5".to_owned(), "c".to_owned()] };
    let toast = Some(("crash n5 · u undoes".to_owned(), false));
    (Watch { run, toast, stage: Some(stage), ..Watch::plain(look) }, frame)
}

#[test]
fn an_audience_sees_large_words_the_world_and_keys() {
    let (watch, frame) = staged(Look::default(), 1);
    insta::assert_snapshot!("stage_120x40", dump(&picture(&watch, &frame, 120, 40)));
    insta::assert_snapshot!("stage_80x24", dump(&picture(&watch, &frame, 80, 24)));
}

#[test]
fn on_stage_there_is_no_chrome_and_everything_fits_at_any_size_in_any_look() {
    let mono = Look { theme: Theme::Mono, depth: Depth::Mono, ..Look::default() };
    let plain = Look { is_ascii: true, is_still: true, ..mono };
    for look in [Look::default(), mono, plain] {
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 50)] {
            let (watch, frame) = staged(look, 2);
            let shown = text(&picture(&watch, &frame, width, height));
            let rows: Vec<&str> = shown.lines().collect();
            for chrome in ["splitbrain", "seed 42", "00:00 ", "help", "run/pause"] {
                assert!(!shown.contains(chrome), "{chrome} at {width}x{height}:\n{shown}");
            }
            for wanted in ["n1", "n4", "crash n5", " enter", "strict"] {
                assert!(shown.contains(wanted), "{wanted} at {width}x{height}:\n{shown}");
            }
            let last = rows.last().expect("rows");
            assert!(last.contains(" 5   c ") && last.ends_with("00:06.000"), "{last}");
            let block = if look.is_ascii { '#' } else { '█' };
            let is_large = rows[..height as usize / 3].iter().any(|row| row.contains(block));
            assert!(is_large || width < 80, "no large letters:\n{shown}");
            assert!(!look.is_ascii || shown.is_ascii(), "{shown}");
        }
    }
}

#[test]
fn a_note_stands_until_more_is_said_in_every_view() {
    let noted = frame("pair-kill-one", 4_000, &["3.5s mark look here"]);
    for view in [View::Cluster, View::Log, View::Metrics] {
        let watch = Watch { view, ..Watch::plain(Look::default()) };
        let shown = text(&picture(&watch, &noted, 100, 30));
        assert!(shown.contains(" m 00:03.500 look here"), "{view:?}\n{shown}");
    }
    let stage = Watch { stage: Some(Stage::default()), ..Watch::plain(Look::default()) };
    assert!(text(&picture(&stage, &noted, 80, 24)).contains("look here"));
    let (said, after) = (
        noted.narration.as_ref().map(|said| said.at),
        frame("pair-kill-one", 29_000, &["3.5s mark look here"]),
    );
    assert!(after.narration.as_ref().map(|said| said.at) > said, "something was said since");
    let later = text(&picture(&Watch::plain(Look::default()), &after, 100, 30));
    assert!(!later.contains("look here"), "{later}");
}
