//! Reads processor time and memory of processes from `/proc`.

use std::time::Duration;

use crate::Failure;

/// Clock ticks of `/proc` per second: a constant of Linux's interface, independent of the kernel's
/// own rate.
const TICKS: u64 = 100;

/// Processor time of a process so far, user and system; in steps of 10 ms.
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    Ok(Stat::read(pid)?.cpu_time)
}

/// Processor time so far of all running child processes of a process; zero when there are none.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn cpu_time_of_children(parent: u32) -> Result<Duration, Failure> {
    let pids = std::fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A process may end between being listed and being read.
    let children = pids
        .filter_map(|pid| Stat::read(pid).ok())
        .filter(|stat| stat.parent == parent);
    Ok(children.map(|stat| stat.cpu_time).sum())
}

/// The parent of a process.
///
/// # Errors
/// When there is no such process.
pub(crate) fn parent(pid: u32) -> Result<u32, Failure> {
    Ok(Stat::read(pid)?.parent)
}

/// The fields used of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    cpu_time: Duration,
}

impl Stat {
    fn read(pid: u32) -> Result<Self, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the name in parentheses, which may contain any character; the third
        // follows its last parenthesis.
        let after_name = stat.rsplit_once(')').ok_or("no name in /proc/stat")?.1;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let number = |index: usize| -> Result<u64, Failure> {
            Ok(fields.get(index).ok_or("a short /proc/stat")?.parse()?)
        };
        Ok(Self {
            parent: u32::try_from(number(1)?)?,
            cpu_time: Duration::from_millis((number(11)? + number(12)?) * 1000 / TICKS),
        })
    }
}

/// Resident memory in KiB.
///
/// # Errors
/// When there is no such process.
pub(crate) fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in /proc/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
