package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLineIsOneValueWithoutItsLineBreaks(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`:                    `{"a":1}`,
		"{\n  \"a\": [1,\r\n2]\n}\n": `{  "a": [1,2]}`,
		"1\n":                        `1`,
		` null `:                     ` null `,
		`"\u0000\ud800\n"`:           `"\u0000\ud800\n"`,
		`-0.5e+3`:                    `-0.5e+3`,
	} {
		line, err := Line([]byte(text))
		if err != nil || string(line) != want {
			t.Errorf("%q: %q, %v", text, line, err)
		}
	}
}

func TestLineRefusesWhatIsNotOneValue(t *testing.T) {
	for _, text := range []string{
		"", " ", "1 2", "1\n2", "{}{}", `{"a":1},{"a":2}`, `{"a":1`, `[1,]`, `{"a":1,}`, `{,}`, `{"a"}`, "tru", "truee",
		"01", "1.", ".5", "+1", "1e", "--1", "-", "NaN", `"a`, "\"a\nb\"", "\"\t\"", `"\x"`, `"\u12g4"`, `"\u123`, `"\`,
		"\ufeff1", "\"\xff\"", "\"\xed\xa0\x80\"", `'a'`, `[1 2]`, `{"a" 1}`, `{1:2}`, strings.Repeat("[", 20_000),
	} {
		if line, err := Line([]byte(text)); err == nil {
			t.Errorf("%.40q: taken as %.40q", text, line)
		}
	}
}

func FuzzLineAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"\u00e4\n",true,false,null,{}]}`, "[\n]", "1\r\n2", `"\ud800"`, "-0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		line, err := Line(text)
		if want := json.Valid(text) && utf8.Valid(text); (err == nil) != want {
			t.Fatalf("%q: %v, want valid = %v", text, err, want)
		}
		if !bytes.Equal(before, text) {
			t.Fatalf("%q became %q", before, text)
		}
		if err == nil && (bytes.ContainsAny(line, "\r\n") || !json.Valid(line)) {
			t.Fatalf("%q became the line %q", text, line)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	text := []byte(`{"n":123456,"level":"info","msg":"` + strings.Repeat("x", 100) + `","ok":true}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for range b.N {
		if _, err := Line(text); err != nil {
			b.Fatal(err)
		}
	}
}
