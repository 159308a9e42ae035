// Channels laid out as squares of pixels: channel side^2 c + side i + j becomes channel c at row i, column j of the square
// (Shi et al. 2016, arXiv 1609.05158; the order of `torch.nn.PixelShuffle`). Something may be added to the result.

struct Sizes {
  first_image: u32,
  height: u32, width: u32, // of the input
  channels: u32, // of the output
  side: u32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T>; // [image][row][column][channels side^2, filled up to quads]
#if RESIDUAL
@group(0) @binding({binding}) var<storage, read> residual: array<T>; // as the output
#end
@group(0) @binding({binding}) var<storage, read_write> y: array<T>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

fn filled(channels: u32) -> u32 { return (channels + 3u) / 4u * 4u; }

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (group.y * {MAX_GROUPS}u + group.x) * 256u + t;
  let side = sizes.side;
  let width = sizes.width * side;
  let plane = sizes.height * side * width;
  let row = filled(sizes.channels);
  if (index >= plane * row) { return; }
  let image = group.z + sizes.first_image;
  let channel = index % row;
  let pixel = index / row;
  var value = T(0.0);
  if (channel < sizes.channels) {
    let at_y = pixel / width;
    let at_x = pixel % width;
    let source = (image * sizes.height + at_y / side) * sizes.width + at_x / side;
    let plane_idx = (channel * side + at_y % side) * side + at_x % side;
    value = x[source * filled(sizes.channels * side * side) + plane_idx];
  }
  let at = (image * plane + pixel) * row + channel;
#if RESIDUAL
  value = T(f32(value) + f32(residual[at]));
#end
  y[at] = value;
}
