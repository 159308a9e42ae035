// Statistics of a group normalisation, first part: mean, and sum of squares about it, of each channel over 32 pixels, in two
// passes. Written to [image][slab] 1 + 2 all_quads vectors: the number of pixels, then mean and sum of squares of each quad.

struct Sizes {
  first_image: u32,
  plane: u32, // pixels of a picture
  quads: u32, // of this part of the input
  first_quad: u32, // its place in the whole
  all_quads: u32,
  n_slabs: u32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>; // [image][pixel][quad]
@group(0) @binding({binding}) var<storage, read_write> sums: array<F4>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (group.y * {MAX_GROUPS}u + group.x) * 64u + t;
  let quad = index % sizes.quads;
  let slab = index / sizes.quads;
  if (slab >= sizes.n_slabs) { return; }
  let image = group.z + sizes.first_image;
  let begin = slab * 32u;
  let end = min(begin + 32u, sizes.plane);
  var total = F4(0.0);
  for (var pixel = begin; pixel < end; pixel++) {
    total += F4(x[(image * sizes.plane + pixel) * sizes.quads + quad]);
  }
  let n = f32(end - begin);
  let mean = total / n;
  var squares = F4(0.0);
  for (var pixel = begin; pixel < end; pixel++) {
    let off = F4(x[(image * sizes.plane + pixel) * sizes.quads + quad]) - mean;
    squares = fma(off, off, squares);
  }
  let at = (image * sizes.n_slabs + slab) * (2u * sizes.all_quads + 1u);
  let own = at + 1u + 2u * (sizes.first_quad + quad);
  sums[own] = mean;
  sums[own + 1u] = squares;
  if (sizes.first_quad + quad == 0u) { sums[at] = F4(n); }
}
