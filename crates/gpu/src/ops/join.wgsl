// The channels of two inputs as those of one, where the first has no whole number of quads.

struct Sizes {
  first_image: u32,
  plane: u32, // pixels of a picture
  channels: u32, channels_second: u32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T>; // [image][pixel][channels, filled up to quads]
@group(0) @binding({binding}) var<storage, read> second: array<T>;
@group(0) @binding({binding}) var<storage, read_write> y: array<T>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

fn filled(channels: u32) -> u32 { return (channels + 3u) / 4u * 4u; }

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (group.y * {MAX_GROUPS}u + group.x) * 256u + t;
  let all = sizes.channels + sizes.channels_second;
  let row = filled(all);
  if (index >= sizes.plane * row) { return; }
  let channel = index % row;
  let pixel = (group.z + sizes.first_image) * sizes.plane + index / row;
  var value = T(0.0);
  if (channel < sizes.channels) {
    value = x[pixel * filled(sizes.channels) + channel];
  } else if (channel < all) {
    value = second[pixel * filled(sizes.channels_second) + channel - sizes.channels];
  }
  y[pixel * row + channel] = value;
}
