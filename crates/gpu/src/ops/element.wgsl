// How values are stored: T; T4 is a vector of them. Sums are taken in f32.
#if F16
enable f16;
alias T = f16;
alias T4 = vec4<f16>;
#else
alias T = f32;
alias T4 = vec4<f32>;
#end
alias F4 = vec4<f32>;
