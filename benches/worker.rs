//! Our side of a comparison: `worker CASE`, a process that runs the case once for each line on its standard input.
//!
//! It prints `ready`, then the seconds of each run, and when its input ends, its peak memory in bytes. `RAYON_NUM_THREADS`
//! sets the number of threads. See `speed/compare.py`.

#[path = "../src/allocator.rs"]
mod allocator;
mod cases;

use std::io::{Write, stdin, stdout};
use std::time::Instant;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    allocator::keep_freed_memory();
    // cargo adds flags of its own.
    let name = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let mut run = cases::prepare(&name.context("usage: worker CASE")?)?;
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let mut out = stdout();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in stdin().lines() {
        line?;
        let started = Instant::now();
        pool.install(&mut run)?;
        writeln!(out, "{}", started.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    writeln!(out, "{}", peak_bytes().unwrap_or(0))?;
    Ok(())
}

/// The most memory that this process has held, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}
