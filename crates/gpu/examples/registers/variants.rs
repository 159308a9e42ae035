//! The kernels that networks spend their time in, in the variants in which they are called.

use gpu::{
    Adapter, Array, ChannelAffine, Class, Element, Epilogue, Gemm, GemmShape, Gpu, GroupNorm,
    Input, KernelSource, LayerNorm, Pointwise, Shape, attention, to_rgb8,
};

/// Side of a picture and channels of its layers that take a card's large tiles. Few channels go in: they make no other kernels,
/// only longer runs.
const SIDE: usize = 32;
const CHANNELS: usize = 4;
const WIDE: usize = 1536;

/// The kernels for a card, in both number formats where this machine's GPU has them.
pub fn all() -> Vec<KernelSource> {
    let mut adapters = Adapter::all().into_iter();
    let gpu = adapters.find_map(|mut adapter| {
        adapter.class = Class::Discrete;
        Gpu::open(&adapter).ok()
    });
    let gpu = gpu.unwrap_or_else(|| panic!("no GPU can be opened; lavapipe would do"));
    for element in [Element::F32, Element::F16] {
        if element == Element::F32 || gpu.has_f16() {
            Caller { gpu: &gpu, element }.call().unwrap();
        }
    }
    gpu.sources().unwrap()
}

struct Caller<'a> {
    gpu: &'a Gpu,
    element: Element,
}

impl Caller<'_> {
    fn call(&self) -> gpu::Result<()> {
        let x = self.zeros(square(SIDE, CHANNELS))?;
        let ones = [1.0; CHANNELS];
        let norm = GroupNorm::new(self.gpu, 1, 1e-5, (&ones, &ones))?;
        let affine = norm.affine(&norm.sums(&x, None)?)?;
        let normalised = Pointwise {
            affine: Some(&affine),
            silu: true,
            ..Pointwise::default()
        };
        normalised.forward(&x)?;
        self.convolutions(&x, &affine)?;
        self.linear_layers()?;
        for width in [40, 64, 80, 160, 512] {
            let tokens = self.zeros(Shape::tokens(1, 4, width))?;
            attention((&tokens, &tokens, &tokens), 1, 1.0)?;
        }
        to_rgb8(&self.zeros(square(2, 3))?)?;
        Ok(())
    }

    fn convolutions(&self, x: &Array, affine: &ChannelAffine) -> gpu::Result<()> {
        for side in [SIDE, SIDE / 2, SIDE / 8] {
            // Large, wide and small tiles.
            let x = self.zeros(square(side, CHANNELS))?;
            let bias = self.zeros(square(1, WIDE))?;
            let added = Epilogue {
                channel_bias: Some(&bias),
                ..Epilogue::default()
            };
            let conv = GemmShape::conv(CHANNELS, WIDE, 3);
            self.gemm(conv, &Input::plain(&x), &added)?;
        }
        let enlarged = Input {
            size: Some((2 * SIDE, 2 * SIDE)),
            ..Input::plain(x)
        };
        self.gemm(
            GemmShape::conv(CHANNELS, WIDE, 3),
            &enlarged,
            &Epilogue::default(),
        )?;
        let normalised = Input {
            affine: Some(affine),
            silu: true,
            ..Input::plain(x)
        };
        self.gemm(
            GemmShape::conv(CHANNELS, 4, 3),
            &normalised,
            &Epilogue::default(),
        )
    }

    fn linear_layers(&self) -> gpu::Result<()> {
        let tokens = self.zeros(Shape::tokens(1, SIDE * SIDE, CHANNELS))?;
        let residual = self.zeros(Shape::tokens(1, SIDE * SIDE, WIDE))?;
        let ones = [1.0; CHANNELS];
        let norm = LayerNorm::new(self.gpu, 1e-5, (&ones, &ones))?;
        let normalised = Input {
            layer: Some(&norm),
            ..Input::plain(&tokens)
        };
        let added = Epilogue {
            residual: Some(&residual),
            ..Epilogue::default()
        };
        let linear = GemmShape::linear(CHANNELS, WIDE);
        self.gemm(linear, &Input::plain(&tokens), &added)?;
        self.gemm(linear, &normalised, &Epilogue::default())?;
        let gated = GemmShape {
            gated: true,
            ..linear
        };
        self.gemm(gated, &normalised, &Epilogue::default())
    }

    fn gemm(
        &self,
        shape: GemmShape,
        input: &Input<'_>,
        epilogue: &Epilogue<'_>,
    ) -> gpu::Result<()> {
        let n_out = shape.out_channels * (1 + usize::from(shape.gated));
        let n_weights = n_out * shape.in_channels * shape.kernel * shape.kernel;
        let gemm = Gemm::new(self.gpu, shape, self.element, &vec![0.0; n_weights], &[])?;
        gemm.forward(input, epilogue).map(drop)
    }

    fn zeros(&self, shape: Shape) -> gpu::Result<Array> {
        let values = vec![0.0; shape.batch * shape.plane() * shape.channels];
        Array::from_pixels(self.gpu, self.element, shape, &values)
    }
}

fn square(side: usize, channels: usize) -> Shape {
    Shape {
        batch: 1,
        height: side,
        width: side,
        channels,
    }
}
