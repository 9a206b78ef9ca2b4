//! Limits on connections, before any route runs.

use std::time::Duration;

/// Limits on connections, before any route runs.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// From the first byte of a request (on a new connection: from accept) to the end of its head.
    pub head_timeout: Duration,
    /// Idle time between requests. Longer than the idle time of common proxies, so that they close
    /// first.
    pub keep_alive: Duration,
    /// How long a peer may leave our bytes unread, upgraded or not.
    pub write_stall: Duration,
    /// Maximum size of a request head in bytes.
    pub head_bytes: usize,
    /// Maximum open connections; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Pause after accept fails for lack of files or memory.
    pub accept_pause: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            head_bytes: 32 * 1024,
            connections: 10_000,
            accept_pause: Duration::from_millis(200),
        }
    }
}

impl ServeLimits {
    /// File descriptors reserved for the database, providers and logs.
    const RESERVED_FILES: usize = 128;

    /// Sets the maximum number of connections, capped by the process's limit of open files.
    #[must_use]
    pub fn with_connections(mut self, wanted: usize) -> Self {
        let files = std::fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|text| open_files(&text));
        let room = files.map_or(wanted, |files| {
            files.saturating_sub(Self::RESERVED_FILES).max(1)
        });
        self.connections = wanted.min(room);
        self
    }
}

/// Parses the soft limit of open files from `/proc/self/limits`; `None` when unlimited or absent.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_parsed() {
        let table = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files     \n";
        assert_eq!(open_files(table), Some(1024));
        assert_eq!(
            open_files("Max open files   unlimited  unlimited  files"),
            None
        );
        assert_eq!(open_files(""), None);
    }
}
