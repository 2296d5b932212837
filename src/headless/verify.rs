//! `splitbrain verify`: reads a client history, judges it, says what came out.

use super::Exit;
use crate::base::text::{many, safe};
use crate::check::history::{Datum, History, Kind, Operation, Outcome};
use crate::check::linear::witness::words;
use crate::check::linear::{Budget, FailedCas, Judged, KeyVerdict, Method, Model, Options, Witness, judge};
use crate::check::{SetFull, Verdict};
use crate::exchange::{self, Spelling};
use serde::Serialize;
use std::io::{self, Read, Write};

/// What to judge and how.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// What the input is called.
    pub name: String,
    /// What all keys are; each key what its operations say if `None`.
    pub model: Option<Model>,
    /// What keys hold at the beginning.
    pub initial: Datum,
    /// How much may be spent.
    pub budget: Budget,
    /// What a failed cas says; as the spelling has it if `None`.
    pub failed_cas: Option<FailedCas>,
    /// One JSON object instead of words.
    pub as_json: bool,
}

/// How far it is, for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// So many bytes are read.
    Reading(u64),
    /// So many thousandths of the budget are spent.
    Judging(u64),
    /// The rest is printing.
    Done,
}

/// Keys named in words before the rest is only counted.
const NAMED: usize = 10;

/// Judges the history that `input` holds and prints to `out`. What is wrong with the input is told by `complain`.
///
/// # Errors
/// If `out` cannot be written.
pub fn verify(
    inquiry: &Inquiry,
    input: &mut dyn Read,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Stage),
    complain: &mut dyn FnMut(&str),
) -> io::Result<Exit> {
    let read = exchange::read(input, inquiry.initial.clone(), &mut |bytes| progress(Stage::Reading(bytes)));
    let (history, spelling) =
        match read.map_err(|problem| problem.to_string()).and_then(|(history, spelling)| {
            let misfit = inquiry.model.and_then(|model| misfit(model, &history));
            misfit.map_or(Ok((history, spelling)), Err)
        }) {
            Ok(fine) => fine,
            Err(problem) => {
                progress(Stage::Done);
                complain(&format!("{}: {}", safe(&inquiry.name), safe(&problem)));
                return Ok(Exit::BadInput);
            }
        };
    let by_spelling = match spelling {
        Spelling::TextLog => FailedCas::Answer,
        Spelling::Edn | Spelling::JsonLines => FailedCas::Absent,
    };
    let failed_cas = inquiry.failed_cas.unwrap_or(by_spelling);
    let options = Options { model: inquiry.model, failed_cas, budget: inquiry.budget };
    let judged = judge(&history, options, &mut |share| progress(Stage::Judging(share)));
    progress(Stage::Done);
    let full = SetFull::of(&history);
    let told = Told { inquiry, history: &history, spelling, failed_cas, judged: &judged, full };
    if inquiry.as_json {
        told.write_json(out)?
    } else {
        told.write_text(out)?
    }
    out.flush()?;
    Ok(match judged.verdict {
        Verdict::Pass => Exit::AsExpected,
        Verdict::Fail => Exit::Violated,
        Verdict::Unknown => Exit::Undecided,
    })
}

/// The first operation that means nothing under `model`, in words.
fn misfit(model: Model, history: &History) -> Option<String> {
    let knows = |kind: Kind| match model {
        Model::Register => kind <= Kind::Write,
        Model::CasRegister => kind <= Kind::Cas,
        Model::Set => matches!(kind, Kind::Read | Kind::Add | Kind::Remove),
        Model::Counter => matches!(kind, Kind::Read | Kind::Write | Kind::Add),
        Model::Append => matches!(kind, Kind::Read | Kind::Write | Kind::Append),
    };
    let strange = history.operations.iter().find(|operation| !knows(operation.kind))?;
    let process = &history.processes[strange.process.0 as usize];
    let fits = Model::of(history, history.operations.iter()).word();
    let (what, model) = (words(history, strange), model.word());
    Some(format!("`{what}` of process {process} means nothing to a {model}; --model {fits} would fit"))
}

struct Told<'a> {
    inquiry: &'a Inquiry,
    history: &'a History,
    spelling: Spelling,
    failed_cas: FailedCas,
    judged: &'a Judged,
    full: SetFull,
}

impl Told<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.heading())?;
        writeln!(out, "model    {}", self.models())?;
        writeln!(out, "judged   {}", self.methods())?;
        if let Some(words) = self.elements() {
            writeln!(out, "elements {words}")?;
        }
        match self.judged.verdict {
            Verdict::Pass => writeln!(out, "verdict  pass: linearizable"),
            Verdict::Fail => {
                let failed = self.keys_with(Verdict::Fail);
                writeln!(out, "verdict  fail: not linearizable{}", self.named(&failed))
            }
            Verdict::Unknown => {
                let open = self.keys_with(Verdict::Unknown);
                writeln!(out, "verdict  unknown{}", self.named(&open))
            }
        }?;
        for row in self.keys_with(Verdict::Unknown).into_iter().take(NAMED) {
            let why = row.why.as_deref().unwrap_or("not decided");
            let key = self.key_name(row);
            writeln!(
                out,
                "         {}{}",
                if key.is_empty() { String::new() } else { format!("{key}: ") },
                safe(why)
            )?;
        }
        if self.judged.verdict == Verdict::Unknown && self.judged.steps >= self.inquiry.budget.steps {
            writeln!(
                out,
                "         --budget gives it more; twice as many operations may need far more than twice"
            )?;
        }
        match &self.judged.witness {
            Some(witness) => write!(out, "\n{}", witness.draw(self.history)),
            None => Ok(()),
        }
    }

    /// `h.edn: 1000 operations by 5 processes on 3 keys (4 without an answer, 12 failed), EDN maps`
    fn heading(&self) -> String {
        let count =
            |outcome: fn(&Operation) -> bool| self.history.operations.iter().filter(|o| outcome(o)).count();
        let unanswered = count(|operation| matches!(operation.outcome, Outcome::Info | Outcome::Open));
        let failed = count(|operation| operation.outcome == Outcome::Fail);
        let keys = match &self.history.keys[..] {
            [row] if row.name.is_empty() => String::new(),
            rows => format!(" on {}", many(rows.len(), "key")),
        };
        format!(
            "{}: {} by {}{keys} ({unanswered} without an answer, {failed} failed), {}",
            safe(&self.inquiry.name),
            many(self.history.operations.len(), "operation"),
            many(self.history.processes.len(), "process"),
            self.spelling.words()
        )
    }

    fn models(&self) -> String {
        let mut words: Vec<&str> = self.judged.keys.iter().map(|row| row.model.word()).collect();
        words.sort_unstable();
        words.dedup();
        let how = if self.inquiry.model.is_some() { "as you said" } else { "by its operations" };
        let has_failed_cas =
            |operation: &Operation| (operation.kind, operation.outcome) == (Kind::Cas, Outcome::Fail);
        let cas = match self.failed_cas {
            _ if !self.history.operations.iter().any(has_failed_cas) => "",
            FailedCas::Answer => "; a failed cas says that the value was another",
            FailedCas::Absent => "; a failed cas says nothing",
        };
        format!("{} ({how}){cas}", words.join(", "))
    }

    fn methods(&self) -> String {
        let by = |method: Method, words: &str| {
            let count = self.judged.keys.iter().filter(|row| row.method == method).count();
            (count > 0).then(|| {
                if self.judged.keys.len() == 1 {
                    words.to_owned()
                } else {
                    format!("{} {words}", many(count, "key"))
                }
            })
        };
        let parts = [
            by(Method::Zones, "by zones, every value being written once"),
            by(Method::Greedy, "as a growing set"),
            by(Method::Search, "by search"),
        ];
        let steps = if self.judged.steps > 0 {
            format!(", {}", many(self.judged.steps as usize, "step"))
        } else {
            String::new()
        };
        format!("{}{steps}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }

    /// What became of what was put into sets and lists: `120: 117 stay, 1 is lost, 2 are never read; …`.
    fn elements(&self) -> Option<String> {
        let full = &self.full;
        if full.elements == 0 {
            return None;
        }
        let counts = format!(
            "{}: {} stay (of {} some read that should have shown them did not), {} lost, {} never read",
            full.elements, full.stable, full.stale, full.lost, full.never_read
        );
        let within = |percent| full.visible_within(percent).map(|ns| format!("{:.1}", ns as f64 / 1e6));
        Some(match (within(50), within(99), within(100)) {
            (Some(half), Some(most), Some(all)) if self.has_times() => {
                format!("{counts}; visible after {half} ms (median), {most} ms (99 %), {all} ms (all)")
            }
            _ => counts,
        })
    }

    /// Whether the history says when anything was.
    fn has_times(&self) -> bool {
        self.history.notes.iter().any(|note| note.ended_ns > 0)
    }

    fn keys_with(&self, verdict: Verdict) -> Vec<&KeyVerdict> {
        self.judged.keys.iter().filter(|row| row.verdict == verdict).collect()
    }

    fn key_name(&self, row: &KeyVerdict) -> String {
        safe(&self.history.keys[row.key.index()].name).into_owned()
    }

    /// `: keys x, y and 3 more`; nothing for a history without keys.
    fn named(&self, rows: &[&KeyVerdict]) -> String {
        let names: Vec<String> = rows.iter().take(NAMED).map(|row| self.key_name(row)).collect();
        let more = rows.len() - names.len();
        match (&names[..], more) {
            ([], _) => String::new(),
            ([name], 0) if name.is_empty() => String::new(),
            ([name], 0) => format!(", key {name}"),
            (names, 0) => format!(", keys {}", names.join(", ")),
            (names, more) => format!(", keys {} and {more} more", names.join(", ")),
        }
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let keys = self.judged.keys.iter().map(|row| JsonKey {
            key: &self.history.keys[row.key.index()].name,
            model: row.model.word(),
            method: match row.method {
                Method::Zones => "zones",
                Method::Greedy => "greedy",
                Method::Search => "search",
            },
            verdict: row.verdict.word(),
            why: row.why.as_deref(),
        });
        let object = Json {
            history: &self.inquiry.name,
            operations: self.history.operations.len(),
            processes: self.history.processes.len(),
            model_given: self.inquiry.model.map(Model::word),
            verdict: self.judged.verdict.word(),
            steps: self.judged.steps,
            keys: keys.collect(),
            elements: self.json_elements(),
            witness: self.judged.witness.as_ref().map(|witness| self.json_witness(witness)),
        };
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out)
    }

    fn json_elements(&self) -> Option<JsonElements> {
        let full = &self.full;
        (full.elements > 0).then(|| JsonElements {
            attempted: full.elements,
            stable: full.stable,
            stale: full.stale,
            lost: full.lost,
            never_read: full.never_read,
            stable_latencies_ns: [0, 50, 95, 99, 100]
                .map(|at| full.visible_within(at).filter(|_| self.has_times()))
                .into_iter()
                .collect(),
        })
    }

    fn json_witness<'a>(&'a self, witness: &'a Witness) -> JsonWitness<'a> {
        let operation = |id: &crate::check::history::OperationId| {
            let (operation, note) = (&self.history.operations[id.index()], &self.history.notes[id.index()]);
            JsonOperation {
                process: &self.history.processes[operation.process.0 as usize],
                operation: words(self.history, operation),
                outcome: operation.outcome.word(),
                call: operation.call,
                end: (note.end != 0).then_some(note.end),
                call_ns: note.called_ns,
                end_ns: (note.end != 0).then_some(note.ended_ns),
            }
        };
        JsonWitness {
            key: &self.history.keys[witness.key.index()].name,
            reason: &witness.reason,
            operations: witness.operations.iter().map(operation).collect(),
        }
    }
}

/// `1 key`, `2 keys`, `3 processes`.

#[derive(Serialize)]
struct Json<'a> {
    history: &'a str,
    operations: usize,
    processes: usize,
    model_given: Option<&'static str>,
    verdict: &'static str,
    steps: u64,
    keys: Vec<JsonKey<'a>>,
    /// Null where nothing was put into a set or list.
    elements: Option<JsonElements>,
    witness: Option<JsonWitness<'a>>,
}

/// Jepsen's set-full.
#[derive(Serialize)]
struct JsonElements {
    attempted: usize,
    stable: usize,
    stale: usize,
    lost: usize,
    never_read: usize,
    /// At 0, 50, 95, 99 and 100 per cent; null where no element is stable, or nothing says when it was.
    stable_latencies_ns: Option<Vec<u64>>,
}

#[derive(Serialize)]
struct JsonKey<'a> {
    key: &'a str,
    model: &'static str,
    method: &'static str,
    verdict: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonWitness<'a> {
    key: &'a str,
    reason: &'a str,
    operations: Vec<JsonOperation<'a>>,
}

#[derive(Serialize)]
struct JsonOperation<'a> {
    process: &'a str,
    operation: String,
    outcome: &'static str,
    /// Places among all events, from 1.
    call: u32,
    end: Option<u32>,
    call_ns: u64,
    end_ns: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, change: impl FnOnce(&mut Inquiry)) -> (Exit, String) {
        let mut inquiry = Inquiry {
            name: "h".to_owned(),
            model: None,
            initial: Datum::Nil,
            budget: Budget::default(),
            failed_cas: None,
            as_json: false,
        };
        change(&mut inquiry);
        let (mut out, mut complaints) = (Vec::new(), String::new());
        let exit = verify(&inquiry, &mut text.as_bytes(), &mut out, &mut |_| {}, &mut |problem| {
            complaints.push_str(problem);
        });
        let printed = String::from_utf8(out).expect("it prints text");
        (exit.expect("a vector takes everything"), printed + &complaints)
    }

    const STALE: &str =
        "{:process 0 :type :invoke :f :write :key x :value 1} {:process 0 :type :ok :f :write :key x}
        {:process 0 :type :invoke :f :write :key x :value 2} {:process 0 :type :ok :f :write :key x}
        {:process 1 :type :invoke :f :read :key x} {:process 1 :type :ok :f :read :key x :value 1}
        {:process 1 :type :invoke :f :read :key y} {:process 1 :type :ok :f :read :key y}";

    #[test]
    fn a_violation_is_named_explained_and_drawn() {
        let (exit, printed) = run(STALE, |_| {});
        assert_eq!(exit, Exit::Violated);
        assert_eq!(
            printed,
            "h: 4 operations by 2 processes on 2 keys (0 without an answer, 0 failed), EDN maps\n\
             model    register (by its operations)\n\
             judged   2 keys by zones, every value being written once\n\
             verdict  fail: not linearizable, key x\n\
             \n\
             x: 1 was there before 2 and again after it, though it was written only once\n  \
               process 0  ├ write 1 ┤\n  \
               process 0              ├ write 2 ┤\n  \
               process 1                          ├ read 1 ┤\n"
        );
    }

    #[test]
    fn json_holds_the_same() {
        let (exit, printed) = run(STALE, |inquiry| inquiry.as_json = true);
        let value: serde_json::Value = serde_json::from_str(&printed).expect("it is JSON");
        assert_eq!((exit, &value["verdict"]), (Exit::Violated, &"fail".into()));
        assert_eq!(value["witness"]["operations"].as_array().map(Vec::len), Some(3));
        assert_eq!(value["witness"]["operations"][2]["operation"], "read 1");
        assert_eq!((&value["keys"][1]["key"], &value["keys"][1]["verdict"]), (&"y".into(), &"pass".into()));
    }

    #[test]
    fn bad_input_misfits_and_spent_budgets_have_their_own_ends() {
        let (exit, said) = run("{:process 0 :type :ok :f :read}", |_| {});
        assert_eq!(exit, Exit::BadInput);
        assert!(said.starts_with("h: line 1: process 0 ends `:read`, but called nothing"), "{said}");
        let cas =
            "{:process 0 :type :invoke :f :cas :value [1 2]} {:process 0 :type :ok :f :cas :value [1 2]}";
        let (exit, said) = run(cas, |inquiry| inquiry.model = Some(Model::Register));
        assert_eq!(
            (exit, said.as_str()),
            (
                Exit::BadInput,
                "h: `cas 1 2` of process 0 means nothing to a register; --model cas-register would fit"
            )
        );
        assert_eq!(run(cas, |inquiry| inquiry.initial = Datum::Int(1)).0, Exit::AsExpected);
        let (exit, said) = run(cas, |inquiry| inquiry.budget.steps = 1);
        assert_eq!(exit, Exit::Undecided);
        assert!(said.contains("verdict  unknown\n         not decided within 1 steps"), "{said}");
    }
}
