// Convolutions and linear layers as one product of matrices: y[m][n] = epilogue(sum over k of prologue(x)[m][k] w[k][n]).
//
// m counts the output's pixels (or tokens), n its channels, k the taps of the kernel and the input's channels in each. The
// matrix of inputs is never formed: its tiles are gathered from the picture, [image][pixel][channel], as they are needed
// (implicit GEMM; Chetlur et al. 2014, arXiv 1410.0759). Pixels outside of the picture are zeros, or the picture's own behind its
// outermost ones. A linear layer is a kernel of one tap.
//
// 256 threads compute a tile of 16 TM pixels and 16 TN channels, each thread TM x TN values, from 16 channels at a time that
// lie in shared memory. In f16, the 16 products of a value are summed in f16, and these sums in f32.
//
// Weights are [tap][input channel][output channel]; where the output is gated, vectors of four values and of four gates
// take turns. All channels are counted in vectors of four: "quads".

struct Sizes {
  first_image: u32,
  height: u32, width: u32, // of the output
  in_height: u32, in_width: u32, // of the input after it was enlarged
  stored_height: u32, stored_width: u32, // of the input as it lies in memory
  quads: u32, quads_second: u32, // of a pixel's first and second part
  out_quads: u32, // of a pixel of the output
  columns: u32, // quads of a row of weights: out_quads, or twice as many with gates
  kernel: u32, stride: u32, padding: u32,
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>;
#if SECOND
@group(0) @binding({binding}) var<storage, read> second: array<T4>;
#end
@group(0) @binding({binding}) var<storage, read> weights: array<T4>;
@group(0) @binding({binding}) var<storage, read> bias: array<F4>;
#if AFFINE
@group(0) @binding({binding}) var<storage, read> affine: array<F4>; // [image][quad] scale, shift
#end
#if LAYER
@group(0) @binding({binding}) var<storage, read> moments: array<vec2<f32>>; // [image][pixel] mean, 1 / standard deviation
@group(0) @binding({binding}) var<storage, read> layer: array<F4>; // [quad] scale, shift
#end
#if CHANNEL_BIAS
@group(0) @binding({binding}) var<storage, read> channel_bias: array<T4>; // [image][quad]
#end
#if RESIDUAL
@group(0) @binding({binding}) var<storage, read> residual: array<T4>; // as the output
#end
@group(0) @binding({binding}) var<storage, read_write> y: array<T4>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

var<workgroup> tile_x: array<T4, {16*X_ROW}>; // [channel][pixel / 4], each row one longer, against conflicts of banks
var<workgroup> tile_w: array<T4, {16*W_ROW}>; // [channel][quad]

fn silu(v: F4) -> F4 {
  return v / (1.0 + exp(min(-v, F4(80.0))));
}

#if GATED
// x times the normal distribution's integral; erfc by Abramowitz and Stegun, formula 7.1.26.
fn gelu(v: F4) -> F4 {
  let magnitude = abs(v);
  let z = magnitude * 0.70710678;
  let t = 1.0 / fma(z, F4(0.3275911), F4(1.0));
  var p = fma(F4(1.0614054), t, F4(-1.453152));
  p = fma(p, t, F4(1.4214138));
  p = fma(p, t, F4(-0.28449672));
  p = fma(p, t, F4(0.2548296));
  let erfc = p * t * exp(-min(z * z, F4(80.0)));
  return max(v, F4(0.0)) - 0.5 * magnitude * erfc;
}
#end

// A quad of the input, normalised and activated.
fn input(image: u32, row: u32, quad: u32) -> T4 {
#if SECOND
  var value: T4;
  if (quad < sizes.quads) {
    value = x[row * sizes.quads + quad];
  } else {
    value = second[row * sizes.quads_second + quad - sizes.quads];
  }
#else
  let value = x[row * sizes.quads + quad];
#end
#if PROLOGUE
  var wide = F4(value);
#if AFFINE
  let at = 2u * (image * (sizes.quads + sizes.quads_second) + quad);
  wide = fma(wide, affine[at], affine[at + 1u]);
#end
#if LAYER
  let moment = moments[row];
  wide = fma((wide - moment.x) * moment.y, layer[2u * quad], layer[2u * quad + 1u]);
#end
#if SILU
  wide = silu(wide);
#end
#if RELU_BEFORE
  wide = max(wide, F4(0.0));
#end
  return T4(wide);
#else
  return value;
#end
}

#if REFLECT
// The row or column that stands for `at` in a picture with `n` of them: those next to the outermost ones, as PyTorch's
// `reflect`, and the only one where there is one.
fn reflected(at: i32, n: u32) -> i32 {
  let last = i32(n) - 1;
  return max(last - abs(last - abs(at)), 0);
}
#end

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let plane = sizes.height * sizes.width;
  let n_quads = sizes.quads + sizes.quads_second;
  let image = group.z + sizes.first_image;
  let m0 = group.x * {16*TM}u;
  let n0 = group.y * {W_ROW}u;
  let tx = t % 16u;
  let ty = t / 16u;
#for i in TM
#for j in TN/4
  var sum{i}_{j} = F4(0.0);
#end
#end
  // Each of the first threads gathers four channels of four pixels.
  let gathers = t < {16*TM}u;
  let own_quad = t % 4u;
  let own_pixels = (t / 4u) % {4*TM}u;
  for (var tap = 0u; tap < sizes.kernel * sizes.kernel; tap++) {
    let dy = i32(tap / sizes.kernel) - i32(sizes.padding);
    let dx = i32(tap % sizes.kernel) - i32(sizes.padding);
#for r in 4
    let m_{r} = m0 + own_pixels * 4u + {r}u;
#if REFLECT
    let y_{r} = reflected(i32(m_{r} / sizes.width * sizes.stride) + dy, sizes.in_height);
    let x_{r} = reflected(i32(m_{r} % sizes.width * sizes.stride) + dx, sizes.in_width);
    let inside_{r} = gathers && m_{r} < plane;
#else
    let y_{r} = i32(m_{r} / sizes.width * sizes.stride) + dy;
    let x_{r} = i32(m_{r} % sizes.width * sizes.stride) + dx;
    let inside_{r} = gathers && m_{r} < plane && y_{r} >= 0 && y_{r} < i32(sizes.in_height) && x_{r} >= 0 && x_{r} < i32(sizes.in_width);
#end
#if RESIZED
    let source_{r} = u32(y_{r}) * sizes.stored_height / sizes.in_height * sizes.stored_width + u32(x_{r}) * sizes.stored_width / sizes.in_width;
#else
    let source_{r} = u32(y_{r}) * sizes.stored_width + u32(x_{r});
#end
    let row_{r} = image * sizes.stored_height * sizes.stored_width + source_{r};
#end
    for (var quad = 0u; quad < n_quads; quad += 4u) {
      workgroupBarrier();
      if (gathers) {
        let source = quad + own_quad;
#for r in 4
        var a{r} = T4();
        if (inside_{r} && source < n_quads) { a{r} = input(image, row_{r}, source); }
#end
#for k in 4
        tile_x[(own_quad * 4u + {k}u) * {X_ROW}u + own_pixels] = T4(a0.{.k}, a1.{.k}, a2.{.k}, a3.{.k});
#end
      }
      let first = ((tap * n_quads + quad) * 4u) * sizes.columns + n0;
#for l in TN/4
      {
        let at = t + {l*256}u;
        tile_w[at] = weights[first + at / {W_ROW}u * sizes.columns + at % {W_ROW}u];
      }
#end
      workgroupBarrier();
#if F16
#for i in TM
#for j in TN/4
      var part{i}_{j} = T4();
#end
#end
#end
#for k in 16
      {
#for i in TM/4
        let a{i} = tile_x[{k*X_ROW}u + ty * {TM/4}u + {i}u];
#end
#for j in TN/4
        let b{j} = tile_w[{k*W_ROW}u + tx * {TN/4}u + {j}u];
#end
#for i in TM
#for j in TN/4
#if F16
        part{i}_{j} = fma(T4(a{i/4}.{.i%4}), b{j}, part{i}_{j});
#else
        sum{i}_{j} = fma(F4(a{i/4}.{.i%4}), b{j}, sum{i}_{j});
#end
#end
#end
      }
#end
#if F16
#for i in TM
#for j in TN/4
      sum{i}_{j} += F4(part{i}_{j});
#end
#end
#end
    }
  }
#for i in TM
  {
    let m = m0 + ty * {TM}u + {i}u;
    if (m < plane) {
#if GATED
      let quad = group.y * 16u + tx;
      if (quad < sizes.out_quads) {
        let value = sum{i}_0 + bias[quad * 2u];
        let gate = sum{i}_1 + bias[quad * 2u + 1u];
        y[(image * plane + m) * sizes.out_quads + quad] = T4(value * gelu(gate));
      }
#else
#for j in TN/4
      {
        let quad = n0 + tx * {TN/4}u + {j}u;
        if (quad < sizes.out_quads) {
          let at = (image * plane + m) * sizes.out_quads + quad;
          var value = sum{i}_{j} + bias[quad];
#if CHANNEL_BIAS
          value += F4(channel_bias[image * sizes.out_quads + quad]);
#end
#if RESIDUAL
          value += F4(residual[at]);
#end
#if RELU
          value = max(value, F4(0.0));
#end
          y[at] = T4(value);
        }
      }
#end
#end
    }
  }
#end
}
