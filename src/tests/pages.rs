//! Drawings and pages: well-formed, with the letters of the screen, and alive in a real browser without a network.

use super::films::{at, bytes, pictures, split};
use ratatui::buffer::Buffer;
use splitbrain::base::time::VirtualTime;
use splitbrain::record::Format;
use splitbrain::record::studio::{Direction, Studio};
use splitbrain::scenario::load::load;
use splitbrain::screen::Watch;
use splitbrain::screen::look::Look;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The letters of a row, without blanks and without bars, which are drawn.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !('▁'..='█').contains(c)).collect()
}

fn row(picture: &Buffer, y: u16) -> String {
    (0..picture.area.width).map(|x| picture[(x, y)].symbol()).collect()
}

#[test]
fn a_drawn_still_is_well_formed_and_holds_the_letters_of_every_row() {
    let film = || at("same-cut-four-answers", VirtualTime(6_900_000), (100, 30));
    let (_, shots) = pictures(film());
    let last = &shots.last().expect("a picture").1;
    let file = String::from_utf8(bytes(&mut film(), Format::Svg)).expect("UTF-8");
    let document = roxmltree::Document::parse(&file).expect("well-formed");
    let texts: Vec<_> = document.descendants().filter(|node| node.has_tag_name("text")).collect();
    for y in 0..30 {
        let line = (u32::from(y) * 17 + 13).to_string();
        let of_row = texts.iter().filter(|node| node.attribute("y") == Some(line.as_str()));
        let drawn: String = of_row.filter_map(roxmltree::Node::text).collect();
        assert_eq!(letters(&drawn), letters(&row(last, y)), "row {y}");
    }
    let named =
        |name: &str| document.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
    assert!(named("title").is_some_and(|title| title.contains("The same cut, four answers")));
    assert!(named("desc").is_some_and(|words| words.contains("splitbrain render")));
    assert!(file.contains("prefers-color-scheme:light"));
}

#[test]
fn a_moving_drawing_is_well_formed_and_moves_by_itself_alone() {
    let file = String::from_utf8(bytes(&mut split(5), Format::Svg)).expect("UTF-8");
    roxmltree::Document::parse(&file).expect("well-formed");
    assert!(file.contains("@keyframes") && file.contains("prefers-reduced-motion"));
    assert_eq!(file.matches("http").count(), 1, "the name of the format alone");
    assert!(file.contains("fault: partition n1,n2 | n3,n4,n5"), "what happens is described");
}

/// A scenario whose words would like to be markup.
fn hostile() -> Studio {
    let text = "format = 1\ntitle = \"</script><script>alert(1)</script>\"\nsummary = \"<img src=x onerror=alert(2)> {{film}}\"\n\
        duration = \"2s\"\n[cluster]\nnodes = 3\n[[run]]\ntopology = \"primary-replica\"\n[[timeline]]\nat = \"1s\"\n\
        say = \"</style></svg>]]> & <b>bold</b>\"\n";
    let scenario =
        load("hostile.toml", text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let direction = Direction {
        from: VirtualTime::ZERO,
        to: VirtualTime(2_000_000),
        size: (80, 24),
        speed_milli: 1_000,
        fps: 2,
        watch: Watch::plain(Look::default()),
        has_light: true,
        command: "splitbrain render '</script>'".to_owned(),
    };
    Studio::new(Arc::new(scenario), direction).expect("a studio")
}

#[test]
fn words_stay_words_in_every_format() {
    let page = String::from_utf8(bytes(&mut hostile(), Format::Html)).expect("UTF-8");
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
    assert!(!page.contains("<img") && !page.contains("<b>bold"));
    let drawing = String::from_utf8(bytes(&mut hostile(), Format::Svg)).expect("UTF-8");
    roxmltree::Document::parse(&drawing).expect("well-formed");
    let report = String::from_utf8(bytes(&mut hostile(), Format::Report)).expect("UTF-8");
    assert!(
        !report
            .lines()
            .filter(|line| !line.starts_with(' '))
            .any(|line| line.contains("<img") && !line.contains("\\<img"))
    );
}

#[test]
fn a_report_tells_settings_story_measures_and_verdicts() {
    let report = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .args(["render", "pair-kill-one", "-o", "-", "--format", "md", "--size", "80x24"])
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(report.stdout).expect("UTF-8");
    for part in [
        "## Settings",
        "| run | replication |",
        "## What happened",
        "fault: `crash n1`",
        "## Measured",
        "| avail\\_write\\_pct |",
        "## Expected:",
        "- ✓ ",
        "## Again",
        "splitbrain render pair-kill-one -o pair-kill-one.md --size 80x24",
    ] {
        assert!(text.contains(part) || text.contains(&part.replace('\\', "")), "{part}\n{text}");
    }
}

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|found| found.is_file())
}

/// The page's document after its script has run, and what the browser complained of.
fn opened(browser: &Path, url: &str, folder: &Path) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --virtual-time-budget=2000";
    let output = Command::new(browser)
        .args(flags.split_whitespace())
        .args([&profile, "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", url])
        .output()
        .expect("the browser runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The text of the stage's rows in a document.
fn stage(document: &str) -> Vec<String> {
    let stage = document.split("id=\"stage\"").nth(1).and_then(|rest| rest.split("class=\"bar\"").next());
    let rows = stage.unwrap_or_default().split("<div class=\"row\">").skip(1);
    let bare = |row: &str| {
        let row = row.split("</div>").next().unwrap_or_default();
        let mut text = String::new();
        for piece in row.split('<') {
            text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        }
        text.replace("&gt;", ">").replace("&lt;", "<").replace("&nbsp;", " ").replace("&amp;", "&")
    };
    rows.map(bare).collect()
}

#[test]
fn a_page_shows_the_picture_of_its_moment_in_a_browser_without_a_network() {
    let Some(browser) = chromium() else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        return eprintln!("no Chromium here: the page was not opened");
    };
    let folder = std::env::temp_dir().join(format!("splitbrain-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("film.html");
    let page = bytes(&mut split(4), Format::Html);
    assert!(!String::from_utf8_lossy(&page).contains("http:"), "nothing is fetched");
    std::fs::write(&file, page).expect("a file");
    let (_, shots) = pictures(split(4));
    let document = opened(&browser, &format!("file://{}#t=1.3", file.display()), &folder);
    std::fs::remove_dir_all(&folder).expect("the folder can go");
    assert!(document.contains("class=\"alive\""), "the script ran to its end\n{document:.2000}");
    let shown = &shots.iter().rev().find(|(time, ..)| time.0 / 1_000 <= 1_300).expect("a picture").1;
    let rows = stage(&document);
    assert_eq!(rows.len(), 30);
    for (y, text) in (0..).zip(&rows) {
        assert_eq!(text.trim_end(), row(shown, y).trim_end(), "row {y}");
    }
    assert!(document.contains("00:01.3 / 00:02.0"), "the clock shows the moment");
    assert!(document.contains("aria-current=\"step\""), "the story shows where it is");
}
