//! Histories written by hand, with the verdict and the witness that a person would give.

use super::super::*;
use crate::check::history::{Builder, Call, Datum, History};

/// A history of key `x` from words: `0 w 1` calls, `0 ok` or `0 ok 1` ends, likewise `fail` and `info`; `w`, `r`, `a`
/// (add), `p` (append), `c 1 2` (cas). Numbers are integers, `nil` nothing, `1,2` a list, anything else a text.
fn told(story: &str) -> History {
    let mut builder = Builder::new(Datum::Nil);
    let key = builder.key("x");
    let mut open = std::collections::BTreeMap::new();
    for (at, event) in (0..).zip(story.split(';').map(str::trim).filter(|event| !event.is_empty())) {
        let words: Vec<&str> = event.split_whitespace().collect();
        let value = |builder: &mut Builder, word: &str| match word.split_once(',') {
            None => one(builder, key, word),
            Some(_) => {
                let elements = word.split(',').filter(|e| !e.is_empty()).map(|e| one(builder, key, e));
                let elements: Vec<_> = elements.collect();
                builder.value(key, Datum::List(elements.into()))
            }
        };
        let process = builder.process(words[0]);
        let outcome = match words[1] {
            "ok" => Outcome::Ok,
            "fail" => Outcome::Fail,
            "info" => Outcome::Info,
            _ => Outcome::Open,
        };
        if outcome != Outcome::Open {
            let read = words.get(2).map(|word| value(&mut builder, word));
            builder.end(at, open.remove(words[0]).expect("it was called"), outcome, read);
            continue;
        }
        let mut argument = |place: usize| value(&mut builder, words[place]);
        let call = match words[1] {
            "w" => Call::write(key, argument(2)),
            "a" => Call::add(key, argument(2)),
            "p" => Call::append(key, argument(2)),
            "c" => Call::cas(key, argument(2), argument(3)),
            _ => Call::read(key),
        };
        open.insert(words[0], builder.invoke(at, process, call));
    }
    builder.finish()
}

fn one(builder: &mut Builder, key: KeyId, word: &str) -> crate::check::history::ValueId {
    let datum = match word {
        "nil" => Datum::Nil,
        word => word.parse().map_or_else(|_| Datum::text(word), Datum::Int),
    };
    builder.value(key, datum)
}

fn verdict(story: &str) -> Verdict {
    linearizable(&told(story), Budget::default()).0
}

/// The picture of the witness.
fn picture(story: &str) -> String {
    let history = told(story);
    let (verdict, witness) = linearizable(&history, Budget::default());
    assert_eq!(verdict, Verdict::Fail);
    witness.expect("a failure has a witness").draw(&history)
}

#[test]
fn a_stale_read_shows_the_value_before_and_after_the_other() {
    let story = "0 w 1; 0 ok; 1 w 2; 1 ok; 2 r; 2 ok 1";
    assert_eq!(
        picture(story),
        "x: 1 was there before 2 and again after it, though it was written only once\n  \
           process 0  ├ write 1 ┤\n  \
           process 1              ├ write 2 ┤\n  \
           process 2                          ├ read 1 ┤\n"
    );
}

#[test]
fn a_lost_write_leaves_the_initial_value_behind() {
    assert_eq!(
        picture("0 w 1; 0 ok; 0 r; 0 ok nil"),
        "x: nil was read, though 1 had taken the initial value's place before\n  \
           process 0  ├ write 1 ┤\n  \
           process 0              ├ read nil ┤\n"
    );
}

#[test]
fn reads_of_the_future_and_of_nothing_need_one_or_two_operations() {
    assert!(picture("0 r; 0 ok 7; 1 w 1; 1 ok").contains("7 was read, but nobody ever wrote it"));
    assert!(picture("0 w 7; 0 fail; 0 r; 0 ok 7").contains("its write had failed"));
    assert!(picture("0 r; 0 ok 1; 1 w 1; 1 ok").contains("before the write of 1 began"));
}

#[test]
fn two_values_that_alternate_need_four_operations() {
    // Both writes are still open when the reads see 1, 2, 1, 2: each value before the other.
    let story = "0 w 1; 1 w 2; 2 r; 2 ok 1; 2 r; 3 r; 2 ok 2; 2 r; 2 ok 1; 3 ok 2; 0 ok; 1 ok";
    let history = told(story);
    let (verdict, witness) = linearizable(&history, Budget::default());
    assert_eq!(verdict, Verdict::Fail);
    assert!(witness.is_some_and(|witness| (3..=4).contains(&witness.operations.len())));
}

#[test]
fn what_touches_is_concurrent_and_what_never_ended_may_come_late() {
    assert_eq!(verdict("0 w 1; 1 r; 0 ok; 1 ok nil"), Verdict::Pass, "the read overlaps the write");
    assert_eq!(
        verdict("0 w 1; 0 info; 1 r; 1 ok nil; 1 r; 1 ok 1"),
        Verdict::Pass,
        "an info write lands late"
    );
    assert_eq!(verdict("0 w 1; 0 info; 1 r; 1 ok 1; 1 r; 1 ok nil"), Verdict::Fail, "but not backwards");
    assert_eq!(verdict("0 w 1; 1 r; 1 ok 1"), Verdict::Pass, "an open write may have happened");
    assert_eq!(verdict("0 r; 0 info; 1 r; 1 fail"), Verdict::Pass, "reads without answers say nothing");
}

#[test]
fn a_failed_cas_says_nothing_or_answers() {
    let history = told("0 w 1; 0 ok; 1 c 1 2; 1 fail");
    let with =
        |failed_cas| judge(&history, Options { failed_cas, ..Options::default() }, &mut |_| {}).verdict;
    assert_eq!(with(FailedCas::Absent), Verdict::Pass);
    assert_eq!(with(FailedCas::Answer), Verdict::Fail, "the value was 1, so it should have succeeded");
}

#[test]
fn a_cas_needs_its_expected_value() {
    assert_eq!(verdict("0 w 1; 0 ok; 1 c 1 2; 1 ok; 0 r; 0 ok 2"), Verdict::Pass);
    assert_eq!(verdict("0 w 1; 0 ok; 1 c 3 2; 1 ok"), Verdict::Fail);
    assert_eq!(
        picture("0 w 1; 0 ok; 1 c 1 2; 1 ok; 2 c 1 3; 2 ok"),
        "x: in no order of these operations could `cas 1 3` have its place\n  \
           process 1  ├ cas 1 2 ┤\n  \
           process 2              ├ cas 1 3 ┤\n",
        "1 was written once, at whatever time"
    );
}

#[test]
fn sets_lists_texts_and_counters() {
    assert_eq!(verdict("0 a 1; 0 ok; 1 a 2; 2 r; 2 ok 1,; 1 ok; 2 r; 2 ok 2,1"), Verdict::Pass);
    assert_eq!(verdict("0 a 1; 0 ok; 2 r; 2 ok 2,"), Verdict::Fail, "1 is missing, 2 invented");
    assert_eq!(verdict("0 p 1; 0 ok; 1 p 2; 1 ok; 2 r; 2 ok 1,2"), Verdict::Pass);
    assert_eq!(verdict("0 p 1; 0 ok; 1 p 2; 1 ok; 2 r; 2 ok 2,1"), Verdict::Fail, "out of order");
    assert_eq!(verdict("0 p xa; 1 p xb; 0 ok; 1 ok; 2 r; 2 ok xbxa"), Verdict::Pass, "concurrent appends");
    assert_eq!(verdict("0 w ab; 0 ok; 1 p c; 1 ok; 2 r; 2 ok abc"), Verdict::Pass, "bytes, no delimiter");
    assert_eq!(verdict("0 w ab; 0 ok; 1 p c; 1 ok; 2 r; 2 ok acb"), Verdict::Fail);
    assert_eq!(verdict("0 a 2; 0 ok; 1 a 3; 1 info; 2 r; 2 ok 2; 2 r; 2 ok 5"), Verdict::Pass);
    assert_eq!(verdict("0 a 2; 0 ok; 1 a 3; 1 info; 2 r; 2 ok 5; 2 r; 2 ok 2"), Verdict::Fail);
}

#[test]
fn an_empty_history_holds() {
    assert_eq!(linearizable(&History::default(), Budget::default()), (Verdict::Pass, None));
}
