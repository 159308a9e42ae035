//! The machine that this program runs on.

use std::process::Command;
use std::sync::OnceLock;

/// This machine's name in its network; `unknown` where the system doesn't tell.
pub fn host_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new(); // it stays the same while a program runs
    NAME.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let told = told.or_else(|| {
            let output = Command::new("hostname").output().ok()?;
            String::from_utf8(output.stdout).ok()
        });
        let name = told.map(|name| name.trim().to_owned());
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_names() {
        assert!(!host_name().is_empty());
        assert!(!host_name().contains(char::is_whitespace));
    }
}
