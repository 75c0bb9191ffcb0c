;; A plugin in the text format, for what no compiler makes. `body` is what `call` does before it answers with nothing,
;; `more` stands beside the instance that the tools come from. The return area is at 0, and all zeros.
(component
  (core module $guest
    (memory (export "memory") 1)
    (table $table 1 funcref)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "describe") (result i32) (i32.const 0))
    (func (export "call") (param i32 i32 i32 i32) (result i32)
      {body}
      (i32.const 0))
    (func (export "preview") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core module $empty)
  (core instance $i (instantiate $guest))
  {more}
  (type $tool (record (field "name" string) (field "description" string) (field "input-schema" string)
    (field "output-schema" (option string))))
  (type $attachment (record (field "mime" string) (field "bytes" (list u8))))
  (type $output (record (field "text" string) (field "data" (option string)) (field "attachments" (list $attachment))))
  (type $error (variant (case "invalid-input" string) (case "denied" string) (case "failed" string)))
  (type $change (record (field "path" string) (field "base" (option string)) (field "content" (option (list u8)))))
  (func $describe (result (list $tool))
    (canon lift (core func $i "describe") (memory $i "memory")))
  (func $call (param "name" string) (param "arguments" string) (result (result $output (error $error)))
    (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc"))))
  (func $preview (param "name" string) (param "arguments" string) (result (result (option (list $change)) (error $error)))
    (canon lift (core func $i "preview") (memory $i "memory") (realloc (func $i "realloc"))))
  (instance $tools
    (export "tool" (type $tool)) (export "attachment" (type $attachment)) (export "output" (type $output))
    (export "error" (type $error)) (export "change" (type $change))
    (export "describe" (func $describe)) (export "call" (func $call)) (export "preview" (func $preview)))
  (export "garth:plugin/tools@0.1.0" (instance $tools)))
