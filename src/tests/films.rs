//! Films against readers from elsewhere: casts through two terminal emulators, pictures through decoders, and the real
//! binary in hostile surroundings.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use serde_json::Value;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::record::film::{Film, Titles};
use splitbrain::record::raster::Raster;
use splitbrain::record::studio::{Direction, Studio};
use splitbrain::record::{Format, make};
use splitbrain::scenario::presets;
use splitbrain::screen::look::{Depth, Look, Theme};
use splitbrain::screen::{View, Watch};
use std::process::Command;
use std::sync::Arc;

/// A part of a preset, in milliseconds.
fn studio(preset: &str, (from, to): (u64, u64), size: (u16, u16), fps: u32, look: Look) -> Studio {
    let direction = Direction {
        from: VirtualTime(from * 1_000),
        to: VirtualTime(to * 1_000),
        size,
        speed_milli: 1_000,
        fps,
        watch: Watch { run: 1, view: View::Cluster, ..Watch::plain(look) },
        has_light: true,
        command: "splitbrain render".to_owned(),
    };
    Studio::new(Arc::new(presets::load(preset).expect("it loads")), direction).expect("a studio")
}

/// A still of a preset.
pub(crate) fn at(preset: &str, at: VirtualTime, size: (u16, u16)) -> Studio {
    studio(preset, (at.0 / 1_000, at.0 / 1_000), size, 1, Look::default())
}

/// The moments in which the flagship's network splits, and a second primary appears.
pub(crate) fn split(fps: u32) -> Studio {
    studio("same-cut-four-answers", (4_900, 6_900), (100, 30), fps, Look::default())
}

pub(crate) fn bytes(film: &mut Studio, format: Format) -> Vec<u8> {
    make(film, format, 1, &mut |_, _| {}).expect("the format holds it")
}

/// Every picture of a film with its time and whether something happens in it.
pub(crate) fn pictures(mut film: Studio) -> (Titles, Vec<(Span, Buffer, bool)>) {
    let titles = film.titles().clone();
    let mut all = Vec::new();
    while let Some(shot) = film.next() {
        all.push((shot.at, shot.picture.clone(), !shot.chapters.is_empty()));
    }
    (titles, all)
}

/// The lines of a cast: its header, then time, code, data.
fn parsed(cast: &[u8]) -> (Value, Vec<(f64, String, String)>) {
    let text = std::str::from_utf8(cast).expect("UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = lines.next().expect("a header");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let event = |line: Value| (line[0].as_f64().expect("a time"), text(&line[1]), text(&line[2]));
    (header, lines.map(event).collect())
}

/// What a cell looks like: its letter, colours, and bold, dim, underlined, reversed.
type Seen = (String, Color, Color, [bool; 4]);

fn drawn(cell: &Cell) -> Seen {
    let has = |modifier| cell.modifier.contains(modifier);
    // Both terminals know one intensity.
    let is_dim = has(Modifier::DIM) && !has(Modifier::BOLD);
    let marks = [has(Modifier::BOLD), is_dim, has(Modifier::UNDERLINED), has(Modifier::REVERSED)];
    (cell.symbol().to_owned(), cell.fg, cell.bg, marks)
}

fn in_avt(terminal: &avt::Terminal, x: u16, y: u16) -> Seen {
    let line = terminal.screen().line(usize::from(y)).expect("a row");
    let cell = line.cells()[usize::from(x)];
    let pen = cell.pen();
    let colour = |colour: Option<avt::Color>| match colour {
        None => Color::Reset,
        Some(avt::Color::Indexed(index)) => Color::Indexed(index),
        Some(avt::Color::RGB(rgb)) => Color::Rgb(rgb.r, rgb.g, rgb.b),
    };
    let marks = [pen.is_bold(), pen.is_faint(), pen.is_underline(), pen.is_inverse()];
    (cell.char().to_string(), colour(pen.foreground()), colour(pen.background()), marks)
}

fn in_vt100(parser: &vt100::Parser, x: u16, y: u16) -> Seen {
    let cell = parser.screen().cell(y, x).expect("a cell");
    let colour = |colour: vt100::Color| match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
    let text = if cell.has_contents() { cell.contents().to_owned() } else { " ".to_owned() };
    (
        text,
        colour(cell.fgcolor()),
        colour(cell.bgcolor()),
        [cell.bold(), cell.dim(), cell.underline(), cell.inverse()],
    )
}

#[test]
fn a_cast_shows_the_same_cells_in_two_terminals_at_every_marker() {
    for look in [Look::default(), Look { theme: Theme::Mono, depth: Depth::Mono, ..Look::default() }] {
        let film = || studio("same-cut-four-answers", (4_900, 6_900), (100, 30), 4, look);
        let (_, shots) = pictures(film());
        let (header, events) = parsed(&bytes(&mut film(), Format::Cast));
        assert_eq!((&header["version"], &header["term"]["cols"]), (&Value::from(3), &Value::from(100)));
        let mut first = avt::Terminal::new(100, 30).expect("a size");
        let rows_columns = [30, 100].map(|n| std::num::NonZero::new(n).expect("not zero"));
        let mut second = vt100::Parser::new(rows_columns[0], rows_columns[1], 0);
        let (mut shown, mut markers) = (0, 0);
        for (_, code, data) in &events {
            match code.as_str() {
                "o" => {
                    first.feed(data.as_str());
                    second.process(data.as_bytes());
                    shown += 1;
                }
                "m" => {
                    markers += 1;
                    let (_, picture, happens) = &shots[(shown - 1).min(shots.len() - 1)];
                    assert!(happens, "a marker stands where something happens");
                    for (x, y) in (0..30).flat_map(|y| (0..100).map(move |x| (x, y))) {
                        let wanted = drawn(&picture[(x, y)]);
                        assert_eq!(in_avt(&first, x, y), wanted, "avt at {x},{y}");
                        assert_eq!(in_vt100(&second, x, y), wanted, "vt100 at {x},{y}");
                    }
                }
                _ => {}
            }
        }
        assert!(markers >= 3, "the cut, its narration, a new primary: {markers}");
        assert_eq!(shown, shots.len() + 1, "every picture, and the end");
    }
}

#[test]
fn markers_have_stable_prefixes_and_a_whole_film_ends_with_its_verdicts() {
    let film = || studio("pair-kill-one", (0, 30_000), (80, 24), 1, Look::default());
    let (_, events) = parsed(&bytes(&mut film(), Format::Cast));
    let labels: Vec<&str> =
        events.iter().filter(|event| event.1 == "m").map(|event| event.2.as_str()).collect();
    let prefixes = ["beat:", "fault:", "heal", "check:", "note:", "command:", "failover:"];
    for label in &labels {
        assert!(prefixes.iter().any(|prefix| label.starts_with(prefix)), "{label}");
    }
    assert!(labels.contains(&"fault: crash n1"), "{labels:?}");
    assert!(labels.iter().any(|label| label.starts_with("check: ✓ ")), "{labels:?}");
    assert_eq!(events.last().map(|event| (event.1.as_str(), event.2.as_str())), Some(("x", "0")));
    let total: f64 = events.iter().map(|event| event.0).sum();
    assert!((total - 30.0).abs() < 1e-6, "intervals add up to the film's length: {total}");
    let mut part = studio("pair-kill-one", (0, 3_000), (80, 24), 4, Look::default());
    let (header, older) = parsed(&bytes(&mut part, Format::CastTwo));
    assert_eq!((&header["version"], &header["width"]), (&Value::from(2), &Value::from(80)));
    assert!(older.windows(2).all(|pair| pair[0].0 <= pair[1].0), "version 2 counts from the beginning");
    assert!(older.iter().all(|event| event.1 != "x"));
}

/// The colours of a picture, as the rasteriser gives them.
fn rgb(raster: &Raster) -> Vec<[u8; 3]> {
    let colour = |number: &u8| {
        let colour = raster.colours[usize::from(*number)];
        [(colour >> 16) as u8, (colour >> 8) as u8, colour as u8]
    };
    raster.pixels.iter().map(colour).collect()
}

#[test]
fn a_gif_decodes_to_the_pixels_of_every_picture() {
    let (titles, shots) = pictures(split(8));
    let file = bytes(&mut split(8), Format::Gif);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(file.as_slice()).expect("a GIF");
    assert_eq!((decoder.width(), decoder.height()), (800, 480));
    let mut canvas = vec![[0_u8; 3]; 800 * 480];
    let (mut frames, mut until) = (0, 0_u64);
    while let Some(frame) = decoder.read_next_frame().expect("frames") {
        assert!(frame.delay >= 4, "players draw shorter ones slowly");
        for (nth, pixel) in frame.buffer.chunks_exact(4).enumerate().filter(|(_, pixel)| pixel[3] != 0) {
            let (x, y) = (nth % usize::from(frame.width), nth / usize::from(frame.width));
            canvas[(y + usize::from(frame.top)) * 800 + x + usize::from(frame.left)] =
                [pixel[0], pixel[1], pixel[2]];
        }
        until += u64::from(frame.delay) * 10_000;
        let shown = shots.iter().rev().find(|(at, ..)| at.0 + 5_000 < until).expect("a picture before");
        let mut raster = Raster::new((100, 30), 1, titles.palette).expect("small enough");
        raster.draw(&shown.1);
        assert!(rgb(&raster) == canvas, "frame {frames} differs from the picture at {}", shown.0);
        frames += 1;
    }
    assert!(frames > 14, "{frames}");
}

#[test]
fn a_png_decodes_to_the_pixels_of_the_last_picture() {
    let (titles, shots) = pictures(split(2));
    let file = bytes(&mut split(2), Format::Png);
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    reader.next_frame(&mut pixels).expect("a picture");
    let mut raster = Raster::new((100, 30), 1, titles.palette).expect("small enough");
    raster.draw(&shots.last().expect("pictures").1);
    let decoded: Vec<[u8; 3]> = pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
    assert!(decoded == rgb(&raster));
    assert!(raster.colours.len() > 8 && raster.colours.len() < 32, "{} colours", raster.colours.len());
}

/// The binary's film on standard output.
fn film_of(binary: &mut Command, format: &str) -> Vec<u8> {
    let part = ["--from", "800ms", "--to", "1500ms", "--size", "80x24"];
    let still = ["--at", "1500ms", "--size", "80x24"];
    let is_still = ["png", "txt", "ansi", "svg"].contains(&format);
    let output = binary
        .args(["render", "same-cut-four-answers", "-o", "-", "--format", format])
        .args(if is_still { &still[..] } else { &part[..] })
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn surroundings_change_no_byte() {
    for row in splitbrain::record::FORMATS {
        let mut here = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
        here.env_clear().env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LANG", "C.UTF-8");
        let mut there = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
        there.env_clear().env("NO_COLOR", "1").env("TERM", "dumb").env("LANG", "C").env("COLUMNS", "13");
        there.env("TZ", "Pacific/Chatham").current_dir("/");
        let (here, there) = (film_of(&mut here, row.word), film_of(&mut there, row.word));
        assert!(here == there && here.len() > 500, "{}: {} and {} bytes", row.word, here.len(), there.len());
    }
}

#[test]
fn leaving_out_the_film_changes_no_digest() {
    let (mut filmed, mut still) =
        (split(20), studio("same-cut-four-answers", (6_900, 6_900), (80, 24), 1, Look::default()));
    while filmed.next().is_some() {}
    while still.next().is_some() {}
    assert_eq!(filmed.ending().digests, still.ending().digests);
}

/// The binary's complaint and exit code.
fn refused(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_splitbrain")).args(arguments).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_cannot_be_made_is_refused_with_what_would_do() {
    let film = |more: &[&str]| refused(&[&["render", "playground"], more].concat());
    assert!(film(&["-o", "x.mp4"]).contains(".cast, .gif"));
    assert!(film(&["-o", "Cargo.toml", "--format", "txt"]).contains("--force"));
    assert!(film(&["-o", "x.gif", "--at", "3s"]).contains("--from and --to"));
    assert!(film(&["-o", "x.gif", "--view", "clutser"]).contains("did you mean `cluster`?"));
    assert!(film(&["-o", "x.gif", "--from", "3s", "--to", "2s"]).contains("is no part of this scenario"));
    assert!(film(&["-o", "x.gif", "--speed", "max"]).contains("a number"));
    assert!(film(&["-o", "x.gif", "--size", "10x10"]).contains("60x16"));
}
