//! `visualize bench`: how long operations and networks take, on the CPU and on a GPU beside it.

use serde::Serialize;
use visualize::diffusion::{
    Device, GpuRoom, ModelSource, ModelStore, Timing, choose_dtype, devices, open_device,
    time_networks, time_operations,
};
use visualize::pipeline::Event;
use visualize::timeline::RenderConfig;
use visualize::{Error, Result};

use super::args::{BenchArgs, OutputArgs};
use super::models::table;
use super::progress::Progress;

/// Sides below this make layers of a few pixels.
const MIN_SIDE: u32 = 64;

/// What was measured with one device and number format.
#[derive(Serialize)]
struct Column {
    device: String,
    dtype: String,
    timings: Vec<Timing>,
}

pub fn run(args: &BenchArgs, output: OutputArgs) -> Result<()> {
    if args.draw_size.width.min(args.draw_size.height) < MIN_SIDE {
        return Err(Error::Config {
            name: "draw_size",
            value: args.draw_size.to_string(),
            allowed: format!("operations are timed from {MIN_SIDE}x{MIN_SIDE} on"),
        });
    }
    let mut progress = Progress::new(output);
    let model = ModelStore::from_env().open(&args.model, &mut |download| {
        progress.event(Event::Download(download));
        Ok(())
    })?;
    let other = match args.device.as_deref() {
        Some("cpu") => None,
        Some("auto") | None => devices()
            .into_iter()
            .map(|device| device.device)
            .find(|name| name.starts_with("gpu")),
        Some(name) => Some(name.to_owned()),
    };
    // A device that isn't there is said before anything is timed.
    let names = std::iter::once("cpu".to_owned()).chain(other);
    let chosen: Vec<_> = names
        .map(|name| open_device(&name))
        .collect::<Result<_>>()?;
    let mut columns = Vec::new();
    for (device, description) in chosen {
        for dtype in dtypes(&device) {
            progress.line(&format!("timing {description}, {dtype}"));
            columns.push(column(args, &model, &device, (&description, dtype))?);
        }
    }
    super::print_result(output, &text(&columns), &columns)
}

/// The number formats that a device is measured in.
fn dtypes(device: &Device) -> Vec<&'static str> {
    match device.is_cpu() {
        true => vec!["f32"],
        false => ["f32", "f16"]
            .into_iter()
            .filter(|dtype| choose_dtype(dtype, device).is_ok())
            .collect(),
    }
}

fn column(
    args: &BenchArgs,
    model: &ModelSource,
    device: &Device,
    (description, name): (&str, &str),
) -> Result<Column> {
    let dtype = choose_dtype(name, device)?;
    let n_batch = args.batch as usize;
    if let Some(gpu) = device.gpu() {
        let config = RenderConfig {
            model: args.model.clone(),
            weights_sha256: String::new(),
            size: args.draw_size,
            draw_size: args.draw_size,
            n_steps: 1,
            diffusion: Default::default(),
        };
        GpuRoom::of(gpu).check(model, &config, dtype, n_batch)?;
    }
    let side = args.draw_size.width.min(args.draw_size.height) as usize;
    let mut timings = time_operations(device, dtype, side)?;
    timings.extend(time_networks(
        model,
        device,
        dtype,
        args.draw_size,
        n_batch,
    )?);
    Ok(Column {
        device: description.to_owned(),
        dtype: name.to_owned(),
        timings,
    })
}

/// A line for each thing that was timed, a column for each device and format; the devices are named above.
fn text(columns: &[Column]) -> String {
    let named = columns.iter().enumerate();
    let mut lines: Vec<String> = named
        .map(|(idx, column)| format!("{}  {}, {}", letter(idx), column.device, column.dtype))
        .collect();
    let cell = |column: &Column, row: usize| {
        let ms = column.timings.get(row).map(|timing| timing.ms);
        ms.map(|ms| format!("{ms:>9.2}")).unwrap_or_default()
    };
    let cells = |name: &str, of: &dyn Fn(usize) -> String| {
        let mut row: [String; 4] = Default::default();
        let texts = (0..columns.len()).map(of).chain([name.to_owned()]);
        for (to, from) in row.iter_mut().zip(texts) {
            *to = from;
        }
        row
    };
    let mut rows = vec![cells("milliseconds", &|idx| format!("{:>9}", letter(idx)))];
    let first = columns.first().map(|column| column.timings.as_slice());
    for (idx, timing) in first.unwrap_or_default().iter().enumerate() {
        rows.push(cells(&timing.name, &|column| {
            columns
                .get(column)
                .map(|column| cell(column, idx))
                .unwrap_or_default()
        }));
    }
    lines.push(table(&rows));
    lines.join("\n")
}

/// A, B, C.
fn letter(idx: usize) -> String {
    char::from(b'A'.saturating_add(idx as u8)).to_string()
}
