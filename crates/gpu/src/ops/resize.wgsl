// Nearest-neighbour resize, source positions rounded down as PyTorch's `nearest` does.

struct Sizes {
  first_image: u32,
  height: u32, width: u32, // of the output
  in_height: u32, in_width: u32,
  quads: u32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>; // [image][row][column][quad]
@group(0) @binding({binding}) var<storage, read_write> y: array<T4>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (group.y * {MAX_GROUPS}u + group.x) * 256u + t;
  let plane = sizes.height * sizes.width;
  if (index >= plane * sizes.quads) { return; }
  let image = group.z + sizes.first_image;
  let quad = index % sizes.quads;
  let pixel = index / sizes.quads;
  let row = pixel / sizes.width * sizes.in_height / sizes.height;
  let column = pixel % sizes.width * sizes.in_width / sizes.width;
  let source = (image * sizes.in_height + row) * sizes.in_width + column;
  y[(image * plane + pixel) * sizes.quads + quad] = x[source * sizes.quads + quad];
}
