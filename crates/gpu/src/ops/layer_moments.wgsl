// Statistics of a layer normalisation (Ba et al. 2016, arXiv 1607.06450): mean and 1 / standard deviation of every token, in
// two passes, [image][token]. 64 threads take four tokens.

struct Sizes {
  first_image: u32,
  n_tokens: u32,
  quads: u32,
  channels: u32,
  eps: f32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>; // [image][token][quad]
@group(0) @binding({binding}) var<storage, read_write> moments: array<vec2<f32>>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

var<workgroup> parts: array<f32, 64>;

// The sum of `part` over the 16 threads of a token.
fn over_token(t: u32, part: f32) -> f32 {
  workgroupBarrier();
  parts[t] = part;
  workgroupBarrier();
  var sum = 0.0;
  let first = t / 16u * 16u;
#for i in 16
  sum += parts[first + {i}u];
#end
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let image = group.z + sizes.first_image;
  let token = group.x * 4u + t / 16u;
  let row = image * sizes.n_tokens + min(token, sizes.n_tokens - 1u);
  var part = F4(0.0);
  for (var quad = t % 16u; quad < sizes.quads; quad += 16u) {
    part += F4(x[row * sizes.quads + quad]);
  }
  let n = f32(sizes.channels);
  let mean = over_token(t, part.x + part.y + part.z + part.w) / n;
  var squares = F4(0.0);
  for (var quad = t % 16u; quad < sizes.quads; quad += 16u) {
    let channel = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let off = F4(x[row * sizes.quads + quad]) - mean;
    squares += select(F4(0.0), off * off, channel < vec4<u32>(sizes.channels));
  }
  let variance = over_token(t, squares.x + squares.y + squares.z + squares.w) / n;
  if (t % 16u == 0u && token < sizes.n_tokens) {
    moments[row] = vec2<f32>(mean, 1.0 / sqrt(variance + sizes.eps));
  }
}
