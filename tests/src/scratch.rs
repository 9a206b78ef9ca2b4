//! Directories that go away: when the test is over, or when the next run finds them left behind.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "courtside-tests-";

/// A directory of its own, removed with everything in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new directory, in memory where the machine offers that: what is tested is not the disk.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        static CLEARED: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = base();
        CLEARED.call_once(|| clear(&base));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for temporary files can be written to");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let writable =
        std::fs::metadata(memory).is_ok_and(|meta| meta.is_dir() && !meta.permissions().readonly());
    if writable {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Removes what runs that were killed left behind.
pub(crate) fn clear(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let pid = rest.split('-').next().unwrap_or(rest);
        if !Path::new("/proc").join(pid).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Where the files of a server of this process go, by its name; not in memory, of which some
/// machines offer little.
pub(crate) fn server_directory(name: &str) -> PathBuf {
    let base = std::env::temp_dir();
    clear(&base);
    base.join(format!("{PREFIX}{}-{name}", std::process::id()))
}
