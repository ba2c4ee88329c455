;; The two passes of resample-worker.js over 8-bit RGB pixels. `npm run wasm` compiles this into resample-wasm.gen.ts.
;;
;; Weights are fixed-point numbers with 22 fractional bits, and sums start at a half, so that truncating those bits
;; rounds, as in Pillow's libImaging/Resample.c. 255 times the weights of a pixel fits into 32 bits.
(module
  (memory (export "memory") 1)

  ;; One row, along the row. For each pixel of the result, `first` has the byte offset in `row` of the first pixel read,
  ;; `size` the bytes of its weights, and `weights` those weights, one pixel's every `step` bytes.
  ;; Reads a byte beyond the row and writes one beyond the result.
  (func (export "across")
    (param $row i32) (param $out i32) (param $end i32)
    (param $first i32) (param $size i32) (param $weights i32) (param $step i32)
    (local $at i32) (local $weight i32) (local $last i32) (local $sum v128)
    (loop $pixel
      (local.set $sum (i32x4.splat (i32.const 0x200000)))
      (local.set $at (i32.add (local.get $row) (i32.load (local.get $first))))
      (local.set $weight (local.get $weights))
      (local.set $last (i32.add (local.get $weights) (i32.load (local.get $size))))
      (loop $tap
        ;; Red, green, blue and what follows, as four numbers.
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
          (v128.load32_splat (local.get $weight))
          (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $tap (i32.lt_u (local.get $weight) (local.get $last))))
      (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
      (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (local.set $out (i32.add (local.get $out) (i32.const 3)))
      (local.set $first (i32.add (local.get $first) (i32.const 4)))
      (local.set $size (i32.add (local.get $size) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (local.get $step)))
      (br_if $pixel (i32.lt_u (local.get $out) (local.get $end)))))

  ;; One row of the result from the rows that begin at `rows`, `stride` bytes apart, by the weights up to `last`.
  ;; Works in steps of 16 bytes: reads and writes up to 15 beyond a row.
  (func (export "down")
    (param $rows i32) (param $stride i32) (param $out i32) (param $weights i32) (param $last i32)
    (local $end i32) (local $at i32) (local $weight i32) (local $factor v128) (local $bytes v128) (local $half v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end (i32.add (local.get $out) (local.get $stride)))
    (loop $block
      (local.set $a (i32x4.splat (i32.const 0x200000)))
      (local.set $b (local.get $a))
      (local.set $c (local.get $a))
      (local.set $d (local.get $a))
      (local.set $at (local.get $rows))
      (local.set $weight (local.get $weights))
      (loop $tap
        (local.set $factor (v128.load32_splat (local.get $weight)))
        (local.set $bytes (v128.load (local.get $at)))
        (local.set $half (i16x8.extend_low_i8x16_u (local.get $bytes)))
        (local.set $a (i32x4.add (local.get $a)
          (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $half)))))
        (local.set $b (i32x4.add (local.get $b)
          (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $half)))))
        (local.set $half (i16x8.extend_high_i8x16_u (local.get $bytes)))
        (local.set $c (i32x4.add (local.get $c)
          (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $half)))))
        (local.set $d (i32x4.add (local.get $d)
          (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $half)))))
        (local.set $at (i32.add (local.get $at) (local.get $stride)))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $tap (i32.lt_u (local.get $weight) (local.get $last))))
      (v128.store (local.get $out) (i8x16.narrow_i16x8_u
        (i16x8.narrow_i32x4_s
          (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
        (i16x8.narrow_i32x4_s
          (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
      (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $block (i32.lt_u (local.get $out) (local.get $end))))))
