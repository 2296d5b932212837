//! Files: written beside their place and moved there whole, never over something that is there unless asked to.

use super::film::Refusal;
use crate::base::text::safe;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// If something is there and `is_forced` is not set, or the system refuses.
pub fn write(path: &Path, bytes: &[u8], is_forced: bool) -> Result<(), Refusal> {
    let shown = path.display().to_string();
    let shown = safe(&shown);
    if !is_forced && path.symlink_metadata().is_ok() {
        return Err(format!("`{shown}` is there already; --force writes over it"));
    }
    let beside = beside(path);
    let written = create_and_fill(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What could not be finished is not left behind.
        let _ = fs::remove_file(&beside);
        format!("cannot write `{shown}`: {error}")
    })
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// A new file, never one that is there or that a link leads to.
fn create_and_fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_unless_forced() {
        let folder = std::env::temp_dir().join(format!("splitbrain-edge-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.txt");
        write(&path, b"first", false).unwrap();
        let refusal = write(&path, b"second", false).unwrap_err();
        assert!(refusal.contains("--force"), "{refusal}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(&path, b"second", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.join("none/b.txt"), b"x", false).unwrap_err().contains("cannot write"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
