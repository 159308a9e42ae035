// Pictures of nominally -1..=1 as bytes, red, green and blue of each pixel, four bytes to a word. A workgroup also says
// whether one of its values was no finite number.

struct Sizes {
  first_image: u32,
  plane: u32, // pixels of a picture
  n_words: u32, // of a picture
  n_groups: u32, // words of `faults` of a picture
};
@group(0) @binding({binding}) var<storage, read> x: array<T4>; // [image][pixel]
@group(0) @binding({binding}) var<storage, read_write> bytes: array<u32>; // [image][word]
@group(0) @binding({binding}) var<storage, read_write> faults: array<u32>; // [image][workgroup]
@group(0) @binding({binding}) var<uniform> sizes: Sizes;

var<workgroup> is_fine: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let in_image = group.y * {MAX_GROUPS}u + group.x;
  let word_idx = in_image * 256u + t;
  let image = group.z + sizes.first_image;
  var fine = 1u;
  var word = 0u;
  if (word_idx < sizes.n_words) {
#for i in 4
    {
      let at = word_idx * 4u + {i}u;
      if (at < sizes.plane * 3u) {
        let value = f32(x[image * sizes.plane + at / 3u][at % 3u]);
        // An exponent of ones only: infinity or no number.
        if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) { fine = 0u; }
        let unit = clamp(0.5 * value + 0.5, 0.0, 1.0);
        word |= u32(unit * 255.0 + 0.5) << {i*8}u;
      }
    }
#end
    bytes[image * sizes.n_words + word_idx] = word;
  }
  is_fine[t] = fine;
  workgroupBarrier();
  if (t == 0u && in_image < sizes.n_groups) {
    var fault = 0u;
    for (var i = 0u; i < 256u; i++) { fault |= 1u - is_fine[i]; }
    faults[image * sizes.n_groups + in_image] = fault;
  }
}
