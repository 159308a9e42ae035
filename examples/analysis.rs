//! Stage 2: what is heard in a song.
//!
//!     cargo run --release --example analysis -- samples/song.flac

use visualize::analysis::{AnalysisConfig, analyze};
use visualize::{Result, Track};

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "samples/song.flac".to_owned());
    let analysis = analyze(&Track::open(&path)?, &AnalysisConfig::default())?;
    println!("tempo {:?} BPM", analysis.tempo_bpm);
    for beat in analysis
        .beats
        .iter()
        .filter(|beat| beat.position_in_bar == 1)
    {
        println!("bar at {:.3} s", beat.time_secs);
    }
    Ok(())
}
