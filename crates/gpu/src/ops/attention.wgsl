// Attention: softmax(scale q k^T) v of every head, without the matrix of all pairs: blocks of 64 keys with a running maximum
// and sum (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135).
//
// q is [image][query][head][WIDTH], k and v are [image][key][head][WIDTH]. 256 threads work on 64 queries of one head, each
// on 4 queries, and on 4 keys of a block or 4 J channels of the output. A head wider than 256 is cut into slices of the
// output, which compute the scores anew. Scores are products and sums in f32 also where values are f16: they would overflow
// in some models. The sums over values are taken in f16 over 16 keys, then in f32.

struct Sizes {
  first_image: u32,
  n_queries: u32, n_keys: u32,
  n_heads: u32,
  row: u32, // numbers (quads, where WIDTH is a multiple of four) from a token to the next
  scale: f32, // times log2(e): exponentials are powers of two
};
#if QUADS
alias V = T4;
#else
alias V = T;
#end
@group(0) @binding({binding}) var<storage, read> q: array<V>;
@group(0) @binding({binding}) var<storage, read> k: array<V>;
@group(0) @binding({binding}) var<storage, read> v: array<V>;
@group(0) @binding({binding}) var<storage, read_write> y: array<V>;
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

var<workgroup> tile_q: array<T4, 272>; // [channel][query / 4], 16 channels; rows of 17
var<workgroup> tile_k: array<T4, 272>; // [channel][key / 4], rows of 17; then [key][quad of channels] of v
var<workgroup> shares: array<T4, 1024>; // [key][query / 4]
var<workgroup> maxima: array<F4, 256>; // [thread of the row][query / 4]

#if QUADS
fn query(token: u32, head: u32, quad: u32) -> T4 { return q[token * sizes.row + head * {WIDTH/4}u + quad]; }
fn key(token: u32, head: u32, quad: u32) -> T4 { return k[token * sizes.row + head * {WIDTH/4}u + quad]; }
fn value(token: u32, head: u32, quad: u32) -> T4 { return v[token * sizes.row + head * {WIDTH/4}u + quad]; }
#else
fn query(token: u32, head: u32, quad: u32) -> T4 {
  let at = token * sizes.row + head * {WIDTH}u + quad * 4u;
  var four = T4();
#for c in 4
  if (quad * 4u + {c}u < {WIDTH}u) { four.{.c} = q[at + {c}u]; }
#end
  return four;
}
fn key(token: u32, head: u32, quad: u32) -> T4 {
  let at = token * sizes.row + head * {WIDTH}u + quad * 4u;
  var four = T4();
#for c in 4
  if (quad * 4u + {c}u < {WIDTH}u) { four.{.c} = k[at + {c}u]; }
#end
  return four;
}
fn value(token: u32, head: u32, quad: u32) -> T4 {
  let at = token * sizes.row + head * {WIDTH}u + quad * 4u;
  var four = T4();
#for c in 4
  if (quad * 4u + {c}u < {WIDTH}u) { four.{.c} = v[at + {c}u]; }
#end
  return four;
}
#end

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let image = group.z + sizes.first_image;
  let head = group.y / {SLICES}u;
  let slice = group.y % {SLICES}u * {16*J}u; // first quad of the output
  let first_query = group.x * 64u;
  let queries = image * sizes.n_queries;
  let keys = image * sizes.n_keys;
  let tx = t % 16u;
  let ty = t / 16u;
  let own_quad = t % 4u;
  let own_tokens = (t / 4u) % 16u;
#for i in 4
#for j in J
  var sum{i}_{j} = F4(0.0);
#end
#end
  var highest = F4(-3.0e38);
  var total = F4(0.0); // over this thread's keys
  for (var block = 0u; block < sizes.n_keys; block += 64u) {
#for i in 4
    var score{i} = F4(0.0);
#end
    for (var quad = 0u; quad < {QUADS_OF_HEAD}u; quad += 4u) {
      workgroupBarrier();
      if (t < 128u) {
        // Half of these threads gather four channels of four queries, half those of four keys.
        let source = quad + own_quad;
#for r in 4
        var a{r} = T4();
#end
        if (source < {QUADS_OF_HEAD}u) {
#for r in 4
          if (t < 64u) {
            let token = first_query + own_tokens * 4u + {r}u;
            if (token < sizes.n_queries) { a{r} = query(queries + token, head, source); }
          } else {
            let token = block + own_tokens * 4u + {r}u;
            if (token < sizes.n_keys) { a{r} = key(keys + token, head, source); }
          }
#end
        }
#for c in 4
        {
          let at = (own_quad * 4u + {c}u) * 17u + own_tokens;
          let four = T4(a0.{.c}, a1.{.c}, a2.{.c}, a3.{.c});
          if (t < 64u) { tile_q[at] = four; } else { tile_k[at] = four; }
        }
#end
      }
      workgroupBarrier();
#for c in 16
      {
        let a = F4(tile_q[{c*17}u + ty]);
        let b = F4(tile_k[{c*17}u + tx]);
#for i in 4
        score{i} = fma(F4(a.{.i}), b, score{i});
#end
      }
#end
    }
    // Keys behind the last one have no share.
    let key_idx = vec4<u32>(block + tx * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let is_key = key_idx < vec4<u32>(sizes.n_keys);
#for i in 4
    score{i} = select(F4(-3.0e38), score{i} * sizes.scale, is_key);
#end
    var own = F4();
#for i in 4
    own.{.i} = max(max(score{i}.x, score{i}.y), max(score{i}.z, score{i}.w));
#end
    maxima[tx * 16u + ty] = own;
    workgroupBarrier();
    let before = highest;
#for j in 16
    highest = max(highest, maxima[{j*16}u + ty]);
#end
    let factor = exp2(before - highest);
#for i in 4
    score{i} = select(F4(0.0), exp2(score{i} - highest.{.i}), is_key);
#end
#for i in 4
    total.{.i} = total.{.i} * factor.{.i} + score{i}.x + score{i}.y + score{i}.z + score{i}.w;
#end
#for i in 4
#for j in J
    sum{i}_{j} *= factor.{.i};
#end
#end
#for c in 4
    shares[(tx * 4u + {c}u) * 16u + ty] = T4(F4(score0.{.c}, score1.{.c}, score2.{.c}, score3.{.c}));
#end
    for (var part = 0u; part < 64u; part += 16u) {
#for j in J
      {
        workgroupBarrier();
        let quad = slice + {j*16}u + tx;
        let token = block + part + ty;
        var four = T4();
        if (token < sizes.n_keys && quad < {QUADS_OF_HEAD}u) { four = value(keys + token, head, quad); }
        tile_k[t] = four;
        workgroupBarrier();
#for i in 4
        var run{i} = T4();
#end
#for c in 16
        {
          let a = shares[(part + {c}u) * 16u + ty];
          let b = tile_k[{c*16}u + tx];
#for i in 4
          run{i} = fma(T4(a.{.i}), b, run{i});
#end
        }
#end
#for i in 4
        sum{i}_{j} += F4(run{i});
#end
      }
#end
    }
  }
  workgroupBarrier();
  maxima[tx * 16u + ty] = total;
  workgroupBarrier();
  var all = F4(0.0);
#for j in 16
  all += maxima[{j*16}u + ty];
#end
#for i in 4
  {
    let token = first_query + ty * 4u + {i}u;
    if (token < sizes.n_queries) {
#for j in J
      {
        let quad = slice + {j*16}u + tx;
        if (quad < {QUADS_OF_HEAD}u) {
          let four = T4(sum{i}_{j} / all.{.i});
#if QUADS
          y[(queries + token) * sizes.row + head * {WIDTH/4}u + quad] = four;
#else
          let at = (queries + token) * sizes.row + head * {WIDTH}u + quad * 4u;
#for c in 4
          if (quad * 4u + {c}u < {WIDTH}u) { y[at + {c}u] = four.{.c}; }
#end
#end
        }
      }
#end
    }
  }
#end
}
