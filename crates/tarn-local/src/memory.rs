//! How much memory there is.

use std::fs;

/// When the system does not say.
const UNKNOWN: usize = 4 << 30;

/// Bytes that queries may use together: six tenths of what this process may have, as rows in flight, files being written and the
/// rest of the machine need memory, too.
pub(crate) fn share_for_queries() -> usize {
    available() / 10 * 6
}

fn available() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    [machine, container].into_iter().flatten().min().unwrap_or(UNKNOWN)
}

fn total_of(meminfo: &str) -> Option<usize> {
    let kibibytes = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let number: usize = kibibytes.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_read() {
        assert_eq!(total_of("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Some(24 << 20));
        assert_eq!(total_of("nothing"), None);
        assert!(share_for_queries() > 64 << 20);
    }
}
