use plot::{Anchor, Figure, Text, palette};

use super::{RIGHT, WIDTH, small};
use crate::verify::Verification;

/// The list of what is good and what is poor.
pub(super) fn verdicts(figure: &mut Figure, found: &Verification) {
    let (left, right, top) = (905.0, WIDTH - RIGHT, 672.0);
    figure.text(left, top - 20.0, "verdicts", Text::default());
    figure.text(
        left,
        top - 6.0,
        "what is good, at the right",
        Text {
            size: 10.0,
            ..small(palette::MUTED)
        },
    );
    for (row, verdict) in found.verdicts.iter().enumerate() {
        let y = top + 17.0 + 20.0 * row as f64;
        let color = if verdict.is_good {
            palette::GREEN
        } else {
            palette::CORAL
        };
        figure.circle(left + 5.0, y - 4.0, 4.5, color);
        figure.text(left + 18.0, y, &verdict.name, small(palette::TEXT));
        figure.text(
            left + 208.0,
            y,
            &verdict.text,
            Text {
                bold: true,
                ..small(color)
            },
        );
        let style = Text {
            anchor: Anchor::End,
            ..small(palette::MUTED)
        };
        figure.text(right, y, &verdict.wanted, style);
    }
}
