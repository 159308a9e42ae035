//! What goes wrong on GPUs, in words that say what to do.

use common::Error;

use crate::layers::fault;

/// A GPU's fault as an error for people.
pub(crate) fn of_gpu(error: gpu::Error) -> Error {
    let reason = error.to_string();
    match error {
        gpu::Error::OutOfMemory { .. } | gpu::Error::TooLarge { .. } => Error::Limit {
            reason,
            hint: Some(
                "draw smaller pictures with `draw_size`, or fewer at once with `batch`; a TAESD as `vae` takes less, and f16 as `dtype` half"
                    .to_owned(),
            ),
        },
        gpu::Error::Lost(_) => Error::Later {
            reason,
            hint: Some(
                "finished frames are kept, and the same command goes on after them; if it happens again, `device cpu` draws without the GPU"
                    .to_owned(),
            ),
        },
        gpu::Error::Shape(reason) => Error::internal(format!("on the GPU: {reason}")),
        gpu::Error::NoAdapter(_) => Error::Device {
            reason,
            hint: Some(
                "`visualize models devices` lists the GPUs that their drivers offer; on Linux, AMD and Intel GPUs need the package mesa-vulkan-drivers"
                    .to_owned(),
            ),
        },
        _ => Error::Device {
            reason,
            hint: Some("a newer driver may help; `device cpu` draws without the GPU".to_owned()),
        },
    }
}

/// The same error, or the GPU's fault in plain words where it comes from a GPU.
pub(crate) fn explained(error: Error) -> Error {
    let Error::Tensor { doing, source } = error else {
        return error;
    };
    match source.downcast_ref().and_then(fault) {
        Some(fault) => of_gpu(fault.clone()),
        None => Error::Tensor { doing, source },
    }
}

#[cfg(test)]
mod tests {
    use gpu::Bytes;

    use super::*;
    use crate::layers::failed;

    #[test]
    fn faults_of_a_gpu_say_what_to_do() {
        let too_large = gpu::Error::TooLarge {
            wanted: Bytes(300 << 20),
            limit: Bytes(128 << 20),
        };
        let explain = |fault: gpu::Error| explained(Error::tensor("drawing")(failed(fault)));
        let error = explain(too_large);
        assert!(matches!(error, Error::Limit { .. }), "{error}");
        assert!(error.to_string().contains("300 MiB"), "{error}");
        assert!(error.hint().unwrap().contains("`draw_size`"));
        let error = explain(gpu::Error::Lost("reset".to_owned()));
        assert_eq!(error.exit_code(), 75, "{error}");
        let error = explain(gpu::Error::Shape("3 channels".to_owned()));
        assert!(matches!(error, Error::Internal { .. }), "{error}");
        let other = Error::tensor("drawing")(candle_core::Error::msg("x"));
        assert!(matches!(explained(other), Error::Tensor { .. }));
    }
}
