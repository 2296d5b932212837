//! Text from outside, made safe to show: no control character, no direction override reaches the terminal.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The longest text shown whole, in bytes; longer ones say how much was cut.
const SHOWN_BYTES: usize = 4096;
/// Combining marks kept on one base character.
const MARKS: usize = 4;

/// `text` with control, direction and invisible characters replaced by a visible form. Idempotent.
pub fn safe(text: &str) -> Cow<'_, str> {
    let plain = text.len() <= SHOWN_BYTES && text.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if plain {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(SHOWN_BYTES) + 16);
    let mut marks = 0;
    for (at, c) in text.char_indices() {
        if at >= SHOWN_BYTES {
            out.push_str(&format!("… +{} bytes", text.len() - at));
            break;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks <= MARKS {
            push_visible(&mut out, c);
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\t' => out.push(' '),
        '\u{1b}' => out.push('␛'),
        '\0'..='\u{1f}' => out.extend(['^', char::from(c as u8 + 0x40)]),
        '\u{7f}'..='\u{9f}' => out.push_str(&format!("<{:02x}>", c as u32)),
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => out.push_str(&format!("<{:x}>", c as u32)),
        _ => out.push(c),
    }
}

/// So many of `what`: `1 entry`, `2 entries`.
pub fn many(count: impl std::fmt::Display, what: &str) -> String {
    let count = count.to_string();
    let (stem, ending) = match what.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        _ if count == "1" => (what, ""),
        Some(stem) => (stem, "ies"),
        None if what.ends_with(['s', 'x']) => (what, "es"),
        None => (what, "s"),
    };
    format!("{count} {stem}{ending}")
}

/// `text` in rows of at most `columns`, broken at blanks; a word that is too long is cut off.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut().filter(|row| width(row) + 1 + width(word) <= columns) {
            Some(row) => {
                row.push(' ');
                row.push_str(word);
            }
            None => rows.push(fit(word, columns).into_owned()),
        }
    }
    rows
}

/// Whether `text` contains what was asked for, capitals or not.
pub fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// The columns `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to `columns`, ending in `…` where something was cut; never splits a grapheme.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = grapheme.width();
        if used + wide + 1 > columns {
            break;
        }
        out.push_str(grapheme);
        used += wide;
    }
    if columns > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,%@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The known word nearest to `word`, if it is near enough to be a slip of the fingers.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|candidate| (distance(word, candidate), candidate)).min()?;
    (best.0 <= 1 + word.chars().count() / 4).then_some(best.1)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_become_visible_and_harmless() {
        assert_eq!(safe("a\u{1b}[2Jb\u{7}\r\n\u{9b}x"), "a␛[2Jb^G^M^J<9b>x");
        assert_eq!(safe("abc\u{202e}def"), "abc<202e>def");
        assert!(matches!(safe("plain ascii"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_text_says_what_was_cut() {
        assert!(safe(&"x".repeat(5000)).ends_with("… +904 bytes"));
    }

    #[test]
    fn fitting_never_exceeds_its_columns() {
        assert_eq!(fit("replica", 4), "rep…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("ok", 2), "ok");
        assert_eq!(fit("ok", 0), "");
    }

    #[test]
    fn words_are_quoted_for_a_shell_when_they_must_be() {
        assert_eq!(quoted("async.ack=majority"), "async.ack=majority");
        assert_eq!(quoted("5s crash n1"), "'5s crash n1'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        assert_eq!(nearest("isolte", ["isolate", "restart"]), Some("isolate"));
        assert_eq!(nearest("ahed", ["head", "tail"]), Some("head"));
        assert_eq!(nearest("zzzz", ["isolate", "restart"]), None);
    }

    proptest! {
        #[test]
        fn safe_text_is_idempotent_and_free_of_controls(text in any::<String>()) {
            let once = safe(&text).into_owned();
            prop_assert_eq!(safe(&once).into_owned(), once.clone());
            prop_assert!(!once.chars().any(char::is_control));
        }
    }
}
