//! What means what on the screen: semantic tokens and their colours per theme, signs and their ASCII form.
//!
//! State is always sign and word and colour; take the colour away and it still reads. The hues are those of Okabe
//! and Ito's palette, safe for the common colour-vision deficiencies.

use ratatui::style::{Color, Modifier, Style};

/// An enum of names alone, and the list of all of them.
macro_rules! listed {
    ($(#[$about:meta])* $name:ident, $(#[$about_list:meta])* $list:ident, $($(#[$doc:meta])* $variant:ident)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),* }

        $(#[$about_list])*
        pub const $list: &[$name] = &[$($name::$variant),*];
    };
}

listed! {
    /// What a piece of text means.
    Token,
    /// Every token.
    TOKENS,
    /// Text.
    Plain
    /// Text that matters less: axes, the past, hints.
    Dim
    /// A title.
    Title
    /// A border.
    Border
    /// The border of what is chosen.
    Chosen
    /// A key to press.
    Key
    /// Healthy, committed, passed.
    Good
    /// The primary.
    Primary
    /// Not yet safe: buffered, pending.
    Pending
    /// On a disk, not yet acknowledged.
    Flushed
    /// Acknowledged to its client.
    Acked
    /// Degraded, stale, isolated, slow.
    Warn
    /// Crashed, failed, dropped, lost.
    Bad
    /// Paused.
    Paused
    /// Diverged, in conflict.
    Diverged
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 24 bits.
    True,
    /// The 256-colour cube.
    Indexed,
    /// The sixteen names, as the user's theme has them.
    Sixteen,
    /// None: bold, dim, underline and reverse only.
    Mono,
}

/// The themes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// For dark backgrounds.
    OkabeDark,
    /// For light backgrounds.
    OkabeLight,
    /// Black, white, and little else.
    HighContrast,
    /// The terminal's own sixteen colours.
    Ansi16,
    /// No colour.
    Mono,
}

/// The themes and their words.
pub const THEMES: &[(&str, Theme)] = &[
    ("okabe-dark", Theme::OkabeDark),
    ("okabe-light", Theme::OkabeLight),
    ("high-contrast", Theme::HighContrast),
    ("ansi16", Theme::Ansi16),
    ("mono", Theme::Mono),
];

/// Colours and signs of one screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The theme.
    pub theme: Theme,
    /// How many colours there are.
    pub depth: Depth,
    /// Only ASCII signs.
    pub is_ascii: bool,
    /// Messages in flight are drawn as lines of text, not as tracks.
    pub is_still: bool,
}

impl Default for Look {
    fn default() -> Self {
        Look { theme: Theme::OkabeDark, depth: Depth::True, is_ascii: false, is_still: false }
    }
}

/// One token's colours: dark background, light background, high contrast, and one of the sixteen.
struct Ink {
    dark: u32,
    light: u32,
    contrast: u32,
    sixteen: Color,
    extra: Modifier,
    mono: Modifier,
}

const fn ink(dark: u32, light: u32, contrast: u32, sixteen: Color, extra: Modifier, mono: Modifier) -> Ink {
    Ink { dark, light, contrast, sixteen, extra, mono }
}

/// What the light theme has in place of a colour of the dark one, both `0xRRGGBB`; any other colour stays as it is.
pub fn on_light(dark: u32) -> u32 {
    TOKENS.iter().map(|token| token.ink()).find(|ink| ink.dark == dark).map_or(dark, |ink| ink.light)
}

impl Token {
    fn ink(self) -> Ink {
        let none = Modifier::empty();
        let (bold, dim, reverse) = (Modifier::BOLD, Modifier::DIM, Modifier::REVERSED);
        match self {
            Token::Plain => ink(0xD8D8D8, 0x202020, 0xFFFFFF, Color::Reset, none, none),
            Token::Dim => ink(0x9A9A9A, 0x5A5A5A, 0xC8C8C8, Color::Reset, dim, dim),
            Token::Title => ink(0xFFFFFF, 0x000000, 0xFFFFFF, Color::Reset, bold, bold),
            Token::Border => ink(0x808080, 0x6A6A6A, 0xB0B0B0, Color::Reset, dim, dim),
            Token::Chosen => ink(0xFFFFFF, 0x000000, 0xFFFFFF, Color::Reset, bold, bold),
            Token::Key => ink(0xFFFFFF, 0x000000, 0xFFFFFF, Color::Reset, bold, bold),
            Token::Good => ink(0x2BC49A, 0x00664B, 0x00FFB0, Color::Green, none, none),
            Token::Primary => ink(0xF0E442, 0x6B5E00, 0xFFFF00, Color::Yellow, bold, bold),
            Token::Pending => ink(0x56B4E9, 0x0A5A8C, 0x80D8FF, Color::Cyan, none, dim),
            Token::Flushed => ink(0x56B4E9, 0x0A5A8C, 0x80D8FF, Color::Cyan, none, none),
            Token::Acked => ink(0xF0E442, 0x6B5E00, 0xFFFF00, Color::Yellow, none, none),
            Token::Warn => ink(0xE69F00, 0x8A4B00, 0xFFB000, Color::Yellow, none, Modifier::UNDERLINED),
            Token::Bad => ink(0xFF7A33, 0xA83200, 0xFF8050, Color::Red, bold, reverse),
            Token::Paused => ink(0xE09CC0, 0x8A2E63, 0xFF9CD8, Color::Magenta, none, dim),
            Token::Diverged => ink(0xE09CC0, 0x8A2E63, 0xFF9CD8, Color::Magenta, reverse, reverse),
        }
    }
}

fn rgb(hex: u32) -> (u8, u8, u8) {
    ((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The nearest entry of the 6x6x6 cube.
fn indexed(hex: u32) -> Color {
    let (r, g, b) = rgb(hex);
    let step = |level: u8| match level {
        0..48 => 0,
        48..115 => 1,
        level => (level - 35) / 40,
    };
    Color::Indexed(16 + 36 * step(r) + 6 * step(g) + step(b))
}

/// The hue among those that every theme of a terminal has in a readable shade. What is nearly grey has none: the
/// terminal's own colours are sure to be read.
fn hue(r: u8, g: u8, b: u8) -> Color {
    let [r, g, b] = [r, g, b].map(i32::from);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = most - least;
    if range < 48 {
        return Color::Reset;
    }
    let degrees = match most {
        _ if most == r => (60 * (g - b) / range).rem_euclid(360),
        _ if most == g => 120 + 60 * (b - r) / range,
        _ => 240 + 60 * (r - g) / range,
    };
    match degrees {
        25..70 => Color::Yellow,
        70..170 => Color::Green,
        170..215 => Color::Cyan,
        215..265 => Color::Blue,
        265..340 => Color::Magenta,
        _ => Color::Red,
    }
}

/// The ink of the dark theme that the cube shows by this colour.
fn ours(colour: Color) -> Option<Ink> {
    TOKENS.iter().map(|token| token.ink()).find(|ink| indexed(ink.dark) == colour)
}

impl Look {
    /// The style of a token.
    pub fn style(&self, token: Token) -> Style {
        let ink = token.ink();
        let hex = match self.theme {
            Theme::OkabeDark => ink.dark,
            Theme::OkabeLight => ink.light,
            Theme::HighContrast => ink.contrast,
            Theme::Ansi16 | Theme::Mono => 0,
        };
        let (r, g, b) = rgb(hex);
        match (self.theme, self.depth) {
            (Theme::Mono, _) | (_, Depth::Mono) => Style::new().add_modifier(ink.mono),
            (Theme::Ansi16, _) | (_, Depth::Sixteen) => Style::new().fg(ink.sixteen).add_modifier(ink.extra),
            (_, Depth::Indexed) => Style::new().fg(indexed(hex)).add_modifier(ink.extra),
            (_, Depth::True) => Style::new().fg(Color::Rgb(r, g, b)).add_modifier(ink.extra),
        }
    }

    /// A colour from elsewhere, as near as this terminal has it.
    pub fn fitting(&self, colour: Color) -> Color {
        match (self.depth, colour) {
            (Depth::True, colour) => colour,
            (Depth::Mono, _) => Color::Reset,
            (Depth::Indexed, Color::Rgb(r, g, b)) => {
                indexed(u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b))
            }
            (Depth::Sixteen, Color::Rgb(r, g, b)) => hue(r, g, b),
            // What the cube has made of one of our own colours may have lost its hue.
            (Depth::Sixteen, Color::Indexed(16..)) if ours(colour).is_some() => {
                ours(colour).map_or(Color::Reset, |ink| ink.sixteen)
            }
            (Depth::Sixteen, Color::Indexed(index @ 16..)) => match index - 16 {
                cube @ 0..216 => {
                    let [r, g, b] = [cube / 36, cube / 6 % 6, cube % 6].map(|step| step * 51);
                    hue(r, g, b)
                }
                _ => Color::Reset,
            },
            (_, colour) => colour,
        }
    }

    /// A sign, or its ASCII form.
    pub fn sign(&self, sign: Sign) -> char {
        let (unicode, ascii) = sign.forms();
        if self.is_ascii { ascii } else { unicode }
    }
}

listed! {
    /// The signs of the screen.
    #[expect(missing_docs, reason = "the forms show what they are")]
    Sign,
    /// Every sign: a text in Unicode is turned into ASCII by it.
    SIGNS,
    Healthy
    Isolated
    Crashed
    Paused
    Suspect
    Chosen
    Buffered
    Flushed
    Acked
    Committed
    Diverged
    RolledBack
    Skip
    Track
    Ahead
    Head
    Lost
    Dot
    Hollow
    Arrow
    Run
    Back
    Cursor
    Line
    LeftEnd
    RightEnd
    Horizontal
    Vertical
    TopLeft
    TopRight
    BottomLeft
    BottomRight
    Middle
}

impl Sign {
    /// (Unicode, ASCII); each one column wide.
    pub fn forms(self) -> (char, char) {
        match self {
            Sign::Healthy => ('✓', '+'),
            Sign::Isolated => ('▲', '!'),
            Sign::Crashed | Sign::Lost => ('✗', 'x'),
            Sign::Paused => ('z', 'z'),
            Sign::Suspect => ('?', '?'),
            Sign::Chosen => ('▸', '>'),
            Sign::Buffered => ('·', '.'),
            Sign::Flushed => ('▫', 'o'),
            Sign::Acked => ('▪', '*'),
            Sign::Committed => ('■', '#'),
            Sign::Diverged => ('◆', '!'),
            Sign::RolledBack => ('◇', '~'),
            Sign::Skip => ('…', '-'),
            Sign::Track | Sign::Line | Sign::Horizontal => ('─', '-'),
            Sign::Ahead => ('·', '.'),
            Sign::Head => ('▶', '>'),
            Sign::Dot => ('●', '*'),
            Sign::Hollow => ('○', 'o'),
            Sign::Arrow => ('→', '>'),
            Sign::Run => ('▶', '>'),
            Sign::Back => ('◀', '<'),
            Sign::Cursor => ('┃', '|'),
            Sign::LeftEnd => ('├', '|'),
            Sign::RightEnd => ('┤', '|'),
            Sign::Vertical => ('│', '|'),
            Sign::TopLeft => ('┌', '+'),
            Sign::TopRight => ('┐', '+'),
            Sign::BottomLeft => ('└', '+'),
            Sign::BottomRight => ('┘', '+'),
            Sign::Middle => ('·', '-'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar;

    /// Relative luminance of WCAG 2.
    fn luminance(hex: u32) -> f64 {
        let (r, g, b) = rgb(hex);
        let linear = |level: u8| {
            let level = f64::from(level) / 255.0;
            if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a).max(luminance(b)), luminance(a).min(luminance(b)));
        (a + 0.05) / (b + 0.05)
    }

    #[test]
    fn text_has_contrast_on_its_background() {
        for &token in TOKENS {
            let ink = token.ink();
            // Terminals called dark are rarely lighter than #1e1e1e, light ones rarely darker than #f5f5f5.
            assert!(
                contrast(ink.dark, 0x1E1E1E) >= 4.1,
                "{token:?} on dark: {}",
                contrast(ink.dark, 0x1E1E1E)
            );
            assert!(
                contrast(ink.light, 0xF5F5F5) >= 4.5,
                "{token:?} on light: {}",
                contrast(ink.light, 0xF5F5F5)
            );
            assert!(contrast(ink.contrast, 0x000000) >= 7.0, "{token:?} in high contrast");
        }
    }

    #[test]
    fn every_colour_of_the_dark_theme_has_one_in_the_light_theme() {
        for &token in TOKENS {
            assert_eq!(on_light(token.ink().dark), token.ink().light, "{token:?}");
        }
        assert_eq!(on_light(0x123456), 0x123456);
    }

    /// A film made with our dark theme says the same in sixteen colours as the playground does.
    #[test]
    fn colours_from_elsewhere_keep_their_hue_in_sixteen_colours() {
        let look = Look { depth: Depth::Sixteen, ..Look::default() };
        for token in TOKENS {
            let ink = token.ink();
            let (r, g, b) = rgb(ink.dark);
            assert_eq!(look.fitting(Color::Rgb(r, g, b)), ink.sixteen, "{token:?}");
            assert_eq!(look.fitting(indexed(ink.dark)), ink.sixteen, "{token:?} of 256");
        }
        assert_eq!(look.fitting(Color::Rgb(0x16, 0x19, 0x1f)), Color::Reset);
        assert_eq!(look.fitting(Color::Rgb(0x30, 0x50, 0xff)), Color::Blue);
        assert_eq!(look.fitting(Color::Indexed(244)), Color::Reset);
        assert_eq!(look.fitting(Color::Indexed(3)), Color::Indexed(3));
    }

    #[test]
    fn signs_are_one_column_wide_and_ascii_is_ascii() {
        for sign in SIGNS {
            let (unicode, ascii) = sign.forms();
            assert_eq!(unicode.width(), Some(1), "{sign:?}");
            assert!(ascii.is_ascii_graphic(), "{sign:?}");
        }
    }

    #[test]
    fn without_colour_every_alarm_still_differs_from_plain_text() {
        let look = Look { depth: Depth::Mono, ..Look::default() };
        for token in [Token::Primary, Token::Warn, Token::Bad, Token::Diverged] {
            assert_ne!(look.style(token), look.style(Token::Plain), "{token:?}");
        }
        assert!(TOKENS.iter().all(|&token| look.style(token).fg.is_none()));
    }
}
