// Statistics of a group normalisation (Wu and He 2018, arXiv 1803.08494), second part: the means and sums of squares of all
// slabs and channels of a group are brought together (Chan, Golub and LeVeque 1979), and become the map that normalises each
// channel, [image][quad] scale, shift. A workgroup takes one group of one image.

struct Sizes {
  first_image: u32,
  n_slabs: u32,
  all_quads: u32,
  channels: u32,
  group_channels: u32,
  eps: f32,
};
@group(0) @binding({binding}) var<storage, read> sums: array<f32>; // see group_sums
@group(0) @binding({binding}) var<storage, read> weights: array<vec2<f32>>; // [channel] scale, shift
@group(0) @binding({binding}) var<storage, read_write> affine: array<f32>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

// Number of values, mean, sum of squares about it.
var<workgroup> moments: array<vec3<f32>, 128>;

fn together(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
  let n = a.x + b.x;
  if (n == 0.0) { return a; }
  let off = b.y - a.y;
  return vec3<f32>(n, a.y + off * (b.x / n), a.z + b.z + off * off * (a.x * b.x / n));
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let image = group.z + sizes.first_image;
  let first = group.x * sizes.group_channels;
  let row = 4u * (2u * sizes.all_quads + 1u);
  var own = vec3<f32>(0.0);
  for (var entry = t; entry < sizes.n_slabs * sizes.group_channels; entry += 128u) {
    let channel = first + entry % sizes.group_channels;
    let slab = (image * sizes.n_slabs + entry / sizes.group_channels) * row;
    let at = slab + 4u + channel / 4u * 8u + channel % 4u;
    own = together(own, vec3<f32>(sums[slab], sums[at], sums[at + 4u]));
  }
  moments[t] = own;
  for (var half = 64u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (t < half) { moments[t] = together(moments[t], moments[t + half]); }
  }
  workgroupBarrier();
  let all = moments[0];
  let inverse = 1.0 / sqrt(all.z / all.x + sizes.eps);
  for (var idx = t; idx < sizes.group_channels; idx += 128u) {
    let channel = first + idx;
    let scale = weights[channel].x * inverse;
    let at = (image * sizes.all_quads + channel / 4u) * 8u + channel % 4u;
    affine[at] = scale;
    affine[at + 4u] = weights[channel].y - all.y * scale;
  }
  // What fills up the last quad stays zero.
  let filling = sizes.channels + t;
  if (group.x == 0u && filling < 4u * sizes.all_quads) {
    let at = (image * sizes.all_quads + filling / 4u) * 8u + filling % 4u;
    affine[at] = 0.0;
    affine[at + 4u] = 0.0;
  }
}
