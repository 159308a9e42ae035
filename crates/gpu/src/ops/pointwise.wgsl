// Value by value: act(scale x + shift) + residual, each step where it is asked for. The input may come in two parts, whose
// channels are joined.

struct Sizes {
  first_image: u32,
  plane: u32, // pixels of a picture
  quads: u32, quads_second: u32, // of a pixel's first and second part
  scale: f32, shift: f32, // of all values
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>; // [image][pixel][quad]
#if SECOND
@group(0) @binding({binding}) var<storage, read> second: array<T4>;
#end
#if AFFINE
@group(0) @binding({binding}) var<storage, read> affine: array<F4>; // [image][quad] scale, shift
#end
#if RESIDUAL
@group(0) @binding({binding}) var<storage, read> residual: array<T4>; // as the output
#end
@group(0) @binding({binding}) var<storage, read_write> y: array<T4>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (group.y * {MAX_GROUPS}u + group.x) * 256u + t;
  let n_quads = sizes.quads + sizes.quads_second;
  if (index >= sizes.plane * n_quads) { return; }
  let image = group.z + sizes.first_image;
  let quad = index % n_quads;
  let pixel = image * sizes.plane + index / n_quads;
#if SECOND
  var value: F4;
  if (quad < sizes.quads) {
    value = F4(x[pixel * sizes.quads + quad]);
  } else {
    value = F4(second[pixel * sizes.quads_second + quad - sizes.quads]);
  }
#else
  var value = F4(x[pixel * sizes.quads + quad]);
#end
#if AFFINE
  let at = 2u * (image * n_quads + quad);
  value = fma(value, affine[at], affine[at + 1u]);
#end
#if SCALED
  value = fma(value, F4(sizes.scale), F4(sizes.shift));
#end
#if SILU
  value = value / (1.0 + exp(min(-value, F4(80.0))));
#end
#if RESIDUAL
  value += F4(residual[pixel * n_quads + quad]);
#end
  y[pixel * n_quads + quad] = T4(value);
}
