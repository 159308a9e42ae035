//! `visualize models`: what there is to draw with, on this machine and on the hub.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use visualize::diffusion::hub::{self, DownloadEvent, HubId};
use visualize::diffusion::{
    BUNDLED_NAME, Description, HubName, ModelDescription, ModelFolder, ModelSource, ModelStore,
    SCHEDULERS, Vocabulary, describe_file, describe_model, describe_path, hub_name,
};
use visualize::pipeline::Event;
use visualize::timeline::Size;
use visualize::{Error, Result};

use super::args::{ModelsCommand, OutputArgs};
use super::devices;
use super::progress::{Progress, format_bytes};

pub fn run(command: &ModelsCommand, output: OutputArgs) -> Result<()> {
    let store = ModelStore::from_env();
    match command {
        ModelsCommand::List => list(&store, output),
        ModelsCommand::Pull { id } => pull(&store, id, output),
        ModelsCommand::Info { what, size } => info(&store, what, *size, output),
        ModelsCommand::Devices => devices::run(output),
        ModelsCommand::Rm { id, yes } => rm(&store, id, *yes, output),
    }
}

/// A line of `models list`.
#[derive(Serialize)]
struct Listed {
    name: String,
    folder: Option<PathBuf>,
    #[serde(flatten)]
    description: ModelDescription,
}

fn list(store: &ModelStore, output: OutputArgs) -> Result<()> {
    let bundled = ModelSource::open(BUNDLED_NAME)?;
    let mut models = vec![Listed {
        name: BUNDLED_NAME.to_owned(),
        folder: None,
        description: describe_model(&bundled, None)?,
    }];
    for snapshot in hub::list(&store.hub)? {
        let folder = ModelFolder::Snapshot(snapshot.folder.clone());
        match describe_model(&ModelSource::new(folder), None) {
            Ok(description) => models.push(Listed {
                name: snapshot.id.to_string(),
                folder: Some(snapshot.folder),
                description,
            }),
            Err(error) => {
                Progress::new(output).line(&format!("passed over: {}: {error}", snapshot.id));
            }
        }
    }
    let rows = models.iter().map(|model| {
        let description = &model.description;
        [
            model.name.clone(),
            description.family.to_owned(),
            dtypes_of(description),
            format_bytes(description.n_bytes),
        ]
    });
    super::print_result(output, &table(&rows.collect::<Vec<_>>()), &models)
}

fn pull(store: &ModelStore, id: &HubId, output: OutputArgs) -> Result<()> {
    let mut progress = Progress::new(output);
    let mut watch = |download: DownloadEvent<'_>| {
        progress.event(Event::Download(download));
        Ok(())
    };
    let snapshot = hub::fetch(&store.hub, id, &mut watch)?;
    // What can't be drawn with is said now, not when a film is to be made.
    describe_model(
        &ModelSource::new(ModelFolder::Snapshot(snapshot.folder.clone())),
        None,
    )?;
    let pulled = serde_json::json!({"name": snapshot.id.to_string(), "folder": snapshot.folder});
    super::print_result(output, &snapshot.folder.display().to_string(), &pulled)
}

fn info(store: &ModelStore, what: &str, size: Option<Size>, output: OutputArgs) -> Result<()> {
    let mut rows: Vec<(&str, String)> = vec![("name", what.to_owned())];
    let description = match hub_name(what)? {
        None if what == BUNDLED_NAME => {
            Description::model(describe_model(&ModelSource::open(what)?, size)?)
        }
        None => describe_path(Path::new(what), size)?,
        Some(HubName::Model(id)) => {
            let (folder, place) = match hub::cached(&store.hub, &id)? {
                Some(snapshot) => {
                    let place = snapshot.folder.display().to_string();
                    (ModelFolder::Snapshot(snapshot.folder), place)
                }
                None => {
                    let (outline, n_bytes) = hub::peek(&store.hub, &id)?;
                    let place = format!(
                        "on the hub; visualize models pull {id} loads {}",
                        format_bytes(n_bytes)
                    );
                    (ModelFolder::HeadersOnly(Arc::new(outline)), place)
                }
            };
            rows.push(("place", place));
            Description::model(describe_model(&ModelSource::new(folder), size)?)
        }
        Some(HubName::File(file)) => {
            let (_, path, file) = hub::peek_file(&store.hub, &file)?;
            let place = path.map_or("on the hub".to_owned(), |path| path.display().to_string());
            rows.push(("place", place));
            describe_file(Arc::new(file), size)?
        }
    };
    rows.extend(rows_of(&description));
    super::print_result(output, &lines(&rows), &description)
}

fn rm(store: &ModelStore, id: &HubId, yes: bool, output: OutputArgs) -> Result<()> {
    if !yes {
        confirm(&format!(
            "remove {id} from {}?",
            store.hub.cache()?.display()
        ))?;
    }
    let removed = hub::remove(&store.hub, id)?;
    let text = format!(
        "removed {id}: {} files, {} freed",
        removed.n_files,
        format_bytes(removed.n_bytes)
    );
    let value = serde_json::json!({
        "name": id.to_string(), "n_files": removed.n_files, "n_bytes": removed.n_bytes,
    });
    super::print_result(output, &text, &value)
}

/// Asks on the terminal; where there is none, `--yes` is the only answer.
fn confirm(question: &str) -> Result<()> {
    let refused = |reason: &str| Error::Limit {
        reason: reason.to_owned(),
        hint: Some("give --yes to remove it without a question".to_owned()),
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused("nothing was removed: there is nobody to ask"));
    }
    super::terminal::ask(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(refused("nothing was removed")),
    }
}

fn rows_of(description: &Description) -> Vec<(&'static str, String)> {
    match description {
        Description::Model(model) => rows_of_model(model),
        Description::Lora(lora) => {
            let parts = lora.n_modules.iter();
            let modules: Vec<_> = parts.map(|(part, n)| format!("{n} of {part}")).collect();
            let ranks: Vec<_> = lora.ranks.iter().map(usize::to_string).collect();
            let mut rows = vec![
                (
                    "kind",
                    format!("{}, for --lora", lora.algorithms.join(" and ")),
                ),
                ("modules", modules.join(", ")),
                ("rank", ranks.join(", ")),
                ("weights", weights(&lora.dtypes, lora.n_bytes)),
            ];
            if !lora.words.is_empty() {
                rows.push(("words", lora.words.join(", ")));
            }
            rows
        }
        Description::Embedding(embedding) => {
            let parts = embedding.n_vectors.iter();
            let vectors: Vec<_> = parts.map(|(part, n)| format!("{n} for {part}")).collect();
            vec![
                ("kind", "embedding, for --embedding NAME=FILE".to_owned()),
                ("vectors", vectors.join(", ")),
                ("weights", weights(&embedding.dtypes, embedding.n_bytes)),
            ]
        }
        Description::Vae(vae) => vec![
            ("kind", "autoencoder, for --vae".to_owned()),
            ("class", vae.class.clone()),
            ("weights", weights(&vae.dtypes, vae.n_bytes)),
        ],
    }
}

fn rows_of_model(model: &ModelDescription) -> Vec<(&'static str, String)> {
    let mut rows = vec![("family", format!("{} ({})", model.family, model.class))];
    for part in &model.parts {
        let class = part.class.as_deref().unwrap_or("class not given");
        let weights = weights(&part.dtypes, part.n_bytes);
        rows.push((part.part, format!("{class}, {weights}")));
    }
    let side = model.native_side;
    let multiple = model.size_multiple;
    rows.push((
        "native size",
        format!("{side}x{side}, multiples of {multiple}"),
    ));
    rows.push((
        "scheduler",
        match &model.scheduler_fault {
            None => model.scheduler.clone(),
            Some(_) => format!(
                "{} can't be run: films need --scheduler NAME, one of {}",
                model.scheduler,
                SCHEDULERS.join(", ")
            ),
        },
    ));
    rows.push(("prediction", model.prediction_type.clone()));
    rows.push((
        "defaults",
        format!("{} steps, guidance {}", model.n_steps, model.guidance_scale),
    ));
    let memory = &model.memory;
    rows.push((
        "memory",
        format!(
            "about {} to draw one frame of {} on the CPU, of that {} of weights",
            format_bytes(memory.peak_bytes),
            memory.size,
            format_bytes(memory.weights_bytes)
        ),
    ));
    for (kind, names) in model.vocabulary.iter().flat_map(Vocabulary::kinds) {
        let words = names.keys().map(|name| name.replace('_', " "));
        let labels = std::iter::once(kind).chain(std::iter::repeat(""));
        rows.extend(labels.zip(wrapped(words)));
    }
    rows
}

/// Words with commas between them, in lines of a terminal's width.
fn wrapped(words: impl Iterator<Item = String>) -> Vec<String> {
    const WIDTH: usize = 84;
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + ", ".len() + word.len() < WIDTH => {
                line.push_str(", ");
                line.push_str(&word);
            }
            Some(line) => {
                line.push(',');
                lines.push(word);
            }
            None => lines.push(word),
        }
    }
    lines
}

/// Parameters and element types, as in `866M parameters, F16, 1.7 GB`.
fn weights(dtypes: &std::collections::BTreeMap<String, u64>, n_bytes: u64) -> String {
    let names: Vec<_> = dtypes.keys().map(String::as_str).collect();
    format!(
        "{} parameters, {}, {}",
        format_count(dtypes.values().sum()),
        names.join(" and "),
        format_bytes(n_bytes)
    )
}

fn dtypes_of(model: &ModelDescription) -> String {
    let mut names: Vec<&str> = model
        .parts
        .iter()
        .flat_map(|part| part.dtypes.keys().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

/// A number of parameters as people read it.
fn format_count(n: u64) -> String {
    match n {
        1_000_000_000.. => format!("{:.2}G", n as f64 / 1e9),
        10_000_000.. => format!("{:.0}M", n as f64 / 1e6),
        100_000.. => format!("{:.1}M", n as f64 / 1e6),
        _ => n.to_string(),
    }
}

/// Labels in one column, values in the next.
fn lines(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let lines: Vec<_> = rows
        .iter()
        .map(|(label, value)| format!("{label:width$}  {value}"))
        .collect();
    lines.join("\n")
}

/// Columns as wide as their widest cell.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
