//! Kernels on the shapes of Stable Diffusion and of the bundled model: `cargo bench --bench kernels -- conv`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../src/allocator.rs"]
mod allocator;
mod cases;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// See [`cases`].
const NAMES: &[&str] = &[
    "conv:64:64:3:32",
    "conv:64:64:3:64",
    "conv:64:64:3:256",
    "conv:320:320:3:64",
    "conv:640:640:3:32",
    "conv:512:512:3:64",
    "conv:128:128:3:256",
    "conv:1280:1280:3:16",
    "conv:1280:1280:3:8",
    "conv:320:320:1:64",
    "conv:8:8:3:256",
    "upconv:64:64",
    "linear:77:768:768",
    "linear:1024:320:1280",
    "linear:4096:320:320",
    "geglu:4096:320:1280",
    "attention:4096:8:40",
    "norm:320:64",
    "norm:128:256",
    "exact:conv:320:320:3:64",
];

fn kernels(criterion: &mut Criterion) {
    allocator::keep_freed_memory();
    let mut group = criterion.benchmark_group("kernels");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for name in NAMES {
        let mut run = None;
        group.bench_function(*name, |bencher| {
            let run = run.get_or_insert_with(|| cases::prepare(name).unwrap());
            bencher.iter(|| run().unwrap());
        });
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
