//! What a film costs: pictures per second through layout, drawing, difference and each format, and how much faster
//! than it plays it is made.

use ratatui::buffer::Buffer;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::record::film::{Ending, Film, Shot, Titles};
use splitbrain::record::studio::{Direction, Studio};
use splitbrain::record::{Format, make};
use splitbrain::scenario::presets;
use splitbrain::screen::Watch;
use splitbrain::screen::look::Look;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Times each film is made; the median is printed.
const ROUNDS: usize = 5;
/// Seconds of each film: the flagship while its network is split.
const SECONDS: u64 = 10;

fn studio(fps: u32, seconds: u64) -> Studio {
    let direction = Direction {
        from: VirtualTime(4_000_000),
        to: VirtualTime(4_000_000 + seconds * 1_000_000),
        size: (120, 40),
        speed_milli: 1_000,
        fps,
        watch: Watch::plain(Look::default()),
        has_light: true,
        command: String::new(),
    };
    let scenario = presets::load("same-cut-four-answers").expect("the preset loads");
    Studio::new(Arc::new(scenario), direction).expect("a part of it")
}

/// Prints pictures per second and times real time.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn measure() {
    println!("\nfilms of {SECONDS} s, 120x40, four worlds played along (median of {ROUNDS})");
    println!("  {:<6} {:>4} {:>12} {:>12} {:>10}", "format", "fps", "pictures/s", "x real time", "KiB");
    let formats = [(Format::Cast, 30), (Format::Gif, 10), (Format::Html, 10), (Format::Svg, 5)];
    for (format, fps) in formats {
        let (mut seconds, mut size, mut count) = (Vec::new(), 0, 0);
        for _ in 0..ROUNDS {
            let mut film = studio(fps, SECONDS);
            // Playing up to where the film begins is not part of it.
            film.next();
            let began = Instant::now();
            count = 0;
            let bytes = make(&mut film, format, 1, &mut |_, _| count += 1).expect("the format holds it");
            seconds.push(began.elapsed().as_secs_f64());
            size = black_box(bytes).len();
        }
        let took = super::median(&seconds);
        let (each, times) = (f64::from(count) / took, SECONDS as f64 / took);
        println!("  {:<6} {fps:>4} {each:>12.0} {times:>12.0} {:>10}", format.row().word, size / 1024);
    }
    stills();
}

/// Of a picture that is drawn already, what its file costs.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn stills() {
    let mut studio = studio(1, 0);
    let picture = studio.next().expect("one picture").picture.clone();
    let titles = studio.titles().clone();
    for format in [Format::Png, Format::Svg] {
        let mut seconds = Vec::new();
        for _ in 0..ROUNDS {
            let mut still = Still { titles: titles.clone(), picture: picture.clone(), is_shown: false };
            let began = Instant::now();
            black_box(make(&mut still, format, format.row().scale, &mut |_, _| {}).expect("it holds one"));
            seconds.push(began.elapsed().as_secs_f64());
        }
        println!("  {:<6} still {:>11.0}", format.row().word, 1.0 / super::median(&seconds));
    }
}

/// A film of one picture.
struct Still {
    titles: Titles,
    picture: Buffer,
    is_shown: bool,
}

impl Film for Still {
    fn titles(&self) -> &Titles {
        &self.titles
    }

    fn next(&mut self) -> Option<Shot<'_>> {
        let is_first = !std::mem::replace(&mut self.is_shown, true);
        is_first.then_some(Shot { at: Span::ZERO, picture: &self.picture, chapters: &[], keys: &[] })
    }

    fn ending(&mut self) -> Ending {
        Ending::default()
    }
}
