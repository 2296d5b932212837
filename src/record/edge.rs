//! Files, never written over something that is there unless asked to: films beside their place and moved there whole,
//! recordings entry by entry where they are, as things happen.

use super::film::Refusal;
use crate::base::text::safe;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// If something is there and `is_forced` is not set, or the system refuses.
pub fn write(path: &Path, bytes: &[u8], is_forced: bool) -> Result<(), Refusal> {
    let shown = path.display().to_string();
    let shown = safe(&shown);
    if path.is_dir() {
        return Err(format!("`{shown}` is a folder; name a file in it"));
    }
    if !is_forced && path.symlink_metadata().is_ok() {
        return Err(format!("`{shown}` is there already; --force writes over it"));
    }
    let is_device = path.metadata().is_ok_and(|there| !there.is_file());
    let written = if is_device { fs::write(path, bytes) } else { write_whole(path, bytes) };
    written.map_err(|error| format!("cannot write `{shown}`: {error}"))
}

/// Writes beside the place of `path`, then moves what is whole there. What could not be finished is not left behind.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let written = create_and_fill(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// A file that grows while things happen. What is flushed is in the file of that name, or is an error.
#[derive(Debug)]
pub struct Growing {
    file: File,
    path: PathBuf,
}

/// Begins a file of its own, or one in the place of another if that may be overwritten.
///
/// # Errors
/// Why not, in words.
pub fn begin(path: &str, is_forced: bool) -> Result<Growing, String> {
    let place = PathBuf::from(path);
    let mut options = OpenOptions::new();
    options.write(true);
    match is_forced {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    options.open(&place).map(|file| Growing { file, path: place.clone() }).map_err(|error| {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        match (error.kind(), folder) {
            _ if place.is_dir() => format!("{path} is a folder; name a file in it"),
            (io::ErrorKind::AlreadyExists, _) => format!("{path} is there already; --force overwrites it"),
            (io::ErrorKind::NotFound, Some(folder)) if !folder.is_dir() => {
                format!("cannot write to {path}: there is no folder {}", folder.display())
            }
            _ => format!("cannot write to {path}: {error}"),
        }
    })
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) if is_same(&ours, &there) => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the file was deleted, moved or replaced")),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a file that is open cannot be moved.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
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
        assert!(write(&folder, b"x", true).unwrap_err().contains("is a folder"));
        fs::remove_dir_all(&folder).unwrap();
    }

    /// A device is written to and stays one.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let full = Path::new("/dev/full");
        let refusal = write(full, b"x", true).unwrap_err();
        assert!(refusal.contains("No space left"), "{refusal}");
        assert!(!full.metadata().unwrap().is_file());
    }

    #[test]
    fn a_growing_file_notices_when_its_place_is_gone() {
        let folder = std::env::temp_dir().join(format!("splitbrain-growing-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.toml");
        let name = path.to_str().unwrap();
        let mut file = begin(name, false).unwrap();
        file.write_all(b"first").and_then(|()| file.flush()).unwrap();
        assert!(begin(name, false).unwrap_err().contains("--force"));
        fs::rename(&path, folder.join("b.toml")).unwrap();
        assert!(file.flush().unwrap_err().to_string().contains("deleted, moved or replaced"));
        fs::write(&path, "another's").unwrap();
        assert!(file.flush().unwrap_err().to_string().contains("replaced"));
        assert!(begin(folder.to_str().unwrap(), true).unwrap_err().contains("is a folder"));
        let nowhere = folder.join("none/c.toml");
        assert!(begin(nowhere.to_str().unwrap(), false).unwrap_err().contains("there is no folder"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
