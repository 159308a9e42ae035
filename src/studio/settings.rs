//! Settings of a film as a text: what differs from the defaults, as JSON.

use std::path::Path;

use axum::http::StatusCode;
use common::text_file::{Place, TextError};
use common::{Error, Result};
use serde_json::{Map, Value};

use super::answer::{Answer, Refused};
use super::project::Name;
use crate::request::Settings;

/// Reads the text; an empty one means the defaults.
///
/// # Errors
/// [`Error::Text`] with the place of what can't be understood.
pub fn parse(path: &Path, text: &str) -> Result<Settings> {
    if text.trim().is_empty() {
        return Ok(Settings::default());
    }
    let mut settings: Settings = serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1));
        let place = line.map(|line| Place {
            line: error.line(),
            column: error.column().max(1),
            n_chars: 1,
            text: line.to_owned(),
        });
        Error::Text(Box::new(TextError {
            path: path.to_owned(),
            place,
            reason: format!("these settings can't be read: {error}"),
            hint: Some("mend the file in an editor, or remove it for the defaults".to_owned()),
        }))
    })?;
    settings.preview = false; // what a job makes isn't a setting of the song
    Ok(settings)
}

/// The settings as a text: what differs from the defaults.
pub fn to_text(settings: &Settings) -> String {
    let differing = difference(&value_of(settings), &value_of(&Settings::default()));
    match differing {
        Some(value) => format!("{value:#}\n"),
        None => "{}\n".to_owned(),
    }
}

/// All settings with their values.
pub fn value_of(settings: &Settings) -> Value {
    // Settings have no value that JSON can't hold.
    serde_json::to_value(settings).unwrap_or_default()
}

/// Settings with some of them changed, as a client asks.
///
/// # Errors
/// 422 for one that doesn't exist, has another type, or is out of range; 403 for a file that isn't in the folder.
pub fn change(settings: &Settings, changes: Map<String, Value>) -> Answer<Settings> {
    let mut value = value_of(settings);
    merge(
        &mut value,
        Value::Object(changes),
        &value_of(&Settings::default()),
    );
    let mut changed: Settings = serde_json::from_value(value).map_err(|error| {
        Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("these settings can't be used: {error}"),
        )
    })?;
    changed.preview = false;
    check_files(settings, &changed)?;
    Ok(changed)
}

/// Puts `changes` into `value`, object by object; `null` brings the default back.
fn merge(value: &mut Value, changes: Value, default: &Value) {
    match (value, changes) {
        (Value::Object(value), Value::Object(changes)) => {
            for (name, change) in changes {
                let default = default.get(&name).unwrap_or(&Value::Null);
                merge(value.entry(name).or_insert(Value::Null), change, default);
            }
        }
        (value, Value::Null) => *value = default.clone(),
        (value, change) => *value = change,
    }
}

/// What of `value` isn't as in `default`; none where all is.
fn difference(value: &Value, default: &Value) -> Option<Value> {
    match (value, default) {
        (Value::Object(value), Value::Object(default)) => {
            let differing = value.iter().filter_map(|(name, value)| {
                let default = default.get(name).unwrap_or(&Value::Null);
                Some((name.clone(), difference(value, default)?))
            });
            let differing: Map<String, Value> = differing.collect();
            (!differing.is_empty()).then_some(Value::Object(differing))
        }
        _ => (value != default).then(|| value.clone()),
    }
}

/// Refuses names of files outside of the folder that weren't in the settings before: those a person wrote into the file by hand
/// may be there, but no page may bring new ones.
fn check_files(before: &Settings, after: &Settings) -> Answer<()> {
    let known = files_of(before);
    for file in files_of(after) {
        if !known.contains(&file) && Name::new(&file).is_err() {
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                format!("{file:?} is not in the project folder"),
            )
            .with_hint(
                "put the file into the project folder, or write it into the settings file by hand",
            ));
        }
    }
    if after.model != before.model && !is_model_name(&after.model) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            format!(
                "{:?} is neither in the project folder nor a model of the hub",
                after.model
            ),
        )
        .with_hint("give `bundled`, owner/name of the hub, or a file in the project folder"));
    }
    Ok(())
}

/// `bundled`, a file or folder here, or a model of the hub.
fn is_model_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = |part: &&str| Name::new(part).is_ok();
    (1..=2).contains(&parts.len()) && parts.iter().all(is_plain)
}

/// Files that settings name, besides the model.
fn files_of(settings: &Settings) -> Vec<String> {
    let (diffusion, analysis) = (&settings.diffusion, &settings.analysis);
    let loras = diffusion.loras.iter().map(|lora| &lora.path);
    let embeddings = diffusion.embeddings.iter().map(|embedding| &embedding.path);
    let stems = analysis.stems.iter().map(|stem| &stem.path);
    let files = loras.chain(embeddings).chain(stems);
    let files = files
        .chain(&diffusion.vae)
        .chain(&analysis.beats_path)
        .chain(&analysis.fix_path);
    files
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(changes: Value) -> Answer<Settings> {
        let Value::Object(changes) = changes else {
            panic!("not an object");
        };
        change(&Settings::default(), changes)
    }

    #[test]
    fn a_text_holds_what_differs_and_is_read_back() {
        assert_eq!(to_text(&Settings::default()), "{}\n");
        let settings =
            changed(json!({"seed": 7, "knobs": {"zoom": 0.1}, "fps": "beat:16"})).unwrap();
        let text = to_text(&settings);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({"seed": 7, "knobs": {"zoom": 0.1}, "fps": "beat:16"})
        );
        assert_eq!(parse(Path::new("a"), &text).unwrap(), settings);
        assert_eq!(parse(Path::new("a"), " \n").unwrap(), Settings::default());
    }

    #[test]
    fn null_brings_the_default_back() {
        let settings = changed(json!({"seed": 7, "knobs": {"zoom": 0.1, "pulse": 2.0}})).unwrap();
        let Value::Object(changes) = json!({"seed": null, "knobs": {"zoom": null}}) else {
            panic!("not an object");
        };
        let settings = change(&settings, changes).unwrap();
        assert_eq!(
            (settings.seed, settings.knobs.zoom, settings.knobs.pulse),
            (0, None, 2.0)
        );
    }

    #[test]
    fn files_outside_of_the_folder_are_refused() {
        for change in [
            json!({"analysis": {"beats_path": "/etc/passwd"}}),
            json!({"analysis": {"beats_path": "../beats.csv"}}),
            json!({"analysis": {"fix_path": "../a.fix.txt"}}),
            json!({"analysis": {"stems": [{"name": "drums", "path": "/tmp/drums.wav"}]}}),
            json!({"diffusion": {"vae": "/tmp/vae"}}),
            json!({"diffusion": {"loras": [{"path": "../x.safetensors", "scale": 1.0}]}}),
            json!({"model": "/home/me/model"}),
            json!({"model": "../model"}),
            json!({"model": "https://example.org/x"}),
        ] {
            assert!(changed(change.clone()).is_err(), "{change}");
        }
        for change in [
            json!({"analysis": {"beats_path": "beats.csv"}}),
            json!({"model": "stabilityai/sd-turbo"}),
            json!({"model": "own.safetensors"}),
        ] {
            assert!(changed(change.clone()).is_ok(), "{change}");
        }
        let mut by_hand = Settings::default();
        by_hand.analysis.beats_path = Some("/music/beats.csv".into());
        by_hand.model = "/models/mine".to_owned();
        let changes = json!({"seed": 3}).as_object().cloned().unwrap();
        assert!(change(&by_hand, changes).is_ok());
    }

    #[test]
    fn faults_are_refused_with_their_place() {
        assert!(changed(json!({"sede": 1})).is_err());
        assert!(changed(json!({"seed": "x"})).is_err());
        let error = parse(Path::new("a.json"), "{\n \"sede\": 1}").unwrap_err();
        assert!(error.to_string().contains("a.json:2:"), "{error}");
        assert!(parse(Path::new("a.json"), "{").is_err());
        assert!(!changed(json!({"preview": true})).unwrap().preview);
    }
}
