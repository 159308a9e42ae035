use candle_core::Device;

use super::*;

/// A square picture in one step.
fn config(side: u32) -> RenderConfig {
    RenderConfig::bundled(Size::square(side))
}

/// The bundled model, at 64x64 in one step.
fn loaded(dtype: DType) -> StableDiffusion {
    let model = ModelSource::open("bundled").unwrap();
    StableDiffusion::load(&model, &config(64), &Device::Cpu, dtype).unwrap()
}

fn draw(dtype: DType) -> RgbImage {
    let frame = FrameInputs::still("burning flames".into(), 1);
    loaded(dtype).render(&[frame]).unwrap().remove(0)
}

#[test]
fn the_cpu_keeps_half_precision_and_computes_in_single() {
    // The files are in f16: nothing is lost by keeping them so. bf16 has fewer digits.
    let single = draw(DType::F32);
    assert_eq!(draw(DType::F16), single);
    let other = draw(DType::BF16);
    assert_ne!(other, single);
    let pairs = other.as_raw().iter().zip(single.as_raw());
    let total: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(total < 4 * 64 * 64 * 3, "{total}");
}

#[test]
fn other_sizes_draw_as_if_they_had_been_loaded() {
    let mut renderer = loaded(DType::F32);
    let frame = FrameInputs::still("burning flames".into(), 1);
    let small = renderer.render(std::slice::from_ref(&frame)).unwrap();
    let mut config = config(64);
    config.size.width = 96;
    config.draw_size.width = 128;
    config.n_steps = 2;
    let model = ModelSource::open("bundled").unwrap();
    let mut other = StableDiffusion::load(&model, &config, &Device::Cpu, DType::F32).unwrap();
    renderer.set_sizes(&config).unwrap();
    let wide = renderer.render(std::slice::from_ref(&frame)).unwrap();
    assert_eq!(wide, other.render(std::slice::from_ref(&frame)).unwrap());
    assert_eq!(wide[0].width(), 96);
    config.draw_size.width = 3;
    assert!(renderer.set_sizes(&config).is_err());
    renderer.set_sizes(&self::config(64)).unwrap();
    assert_eq!(renderer.render(&[frame]).unwrap(), small);
}

#[test]
fn a_picture_that_is_no_picture_is_an_error() {
    let mut renderer = loaded(DType::F32);
    let huge = format!("(a red:{}) sunset", "9".repeat(45));
    let frames = [
        FrameInputs::still("a forest".into(), 1),
        FrameInputs::still(huge.as_str().into(), 1),
    ];
    for error in [
        renderer.render(&frames).unwrap_err(),
        renderer.probe(&frames).unwrap_err(),
    ] {
        let text = NotFinite::explain(error, |idx| Some(10 + idx as u64)).to_string();
        assert!(text.contains("frame 11"), "{text}");
        assert!(text.contains(") sunset\""), "{text}");
    }
    assert!(renderer.render(&frames[..1]).is_ok());
}
