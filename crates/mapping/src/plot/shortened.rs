/// A text cut to a width in pixels, at half an em a letter; empty where not even a few letters fit.
pub(super) fn shortened(text: &str, width: f64, size: f64) -> String {
    let n_fit = (width / (0.52 * size)).max(0.0) as usize;
    if text.chars().count() <= n_fit {
        text.to_owned()
    } else if n_fit < 4 {
        String::new()
    } else {
        text.chars().take(n_fit - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(
            shortened("a harbour at dawn", 1000.0, 10.0),
            "a harbour at dawn"
        );
        assert_eq!(shortened("a harbour at dawn", 52.0, 10.0), "a harbour…");
        assert_eq!(shortened("a harbour at dawn", -3.0, 10.0), "");
    }
}
