//! The bundled model: denoiser, decoder, and whole frames: `cargo bench --bench networks`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../src/allocator.rs"]
mod allocator;
mod cases;

use criterion::{Criterion, criterion_group, criterion_main};

fn networks(criterion: &mut Criterion) {
    allocator::keep_freed_memory();
    let mut group = criterion.benchmark_group("bundled");
    group.sample_size(10);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
    let names = [
        ("unet 256", format!("unet:{model}/unet:32:1")),
        ("unet 256, batch of 4", format!("unet:{model}/unet:32:4")),
        ("decode 256", format!("decode:{model}/vae:32:1")),
        ("decode 256, batch of 4", format!("decode:{model}/vae:32:4")),
        ("unet 512", format!("unet:{model}/unet:64:1")),
        ("decode 512", format!("decode:{model}/vae:64:1")),
        ("4 frames of 512", "draw:512:4".to_owned()),
    ];
    for (label, name) in names {
        let mut run = None;
        group.bench_function(label, |bencher| {
            let run = run.get_or_insert_with(|| cases::prepare(&name).unwrap());
            bencher.iter(|| run().unwrap());
        });
    }
}

criterion_group!(benches, networks);
criterion_main!(benches);
