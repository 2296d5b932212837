//! Frames.
pub fn measure() {}
