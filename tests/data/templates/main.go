// The golden pairs of src/template: renders every expression of expressions/*.txt with Go's own text/template and
// Sprig 3.3 and writes what came out to golden.json.
//
//	make template-golden    # or, in this folder: go run .
//
// One expression a line; lines that begin with # are comments and the sign ⏎ stands for a newline. The present time is
// the execution's creation time and the zone is UTC, as in Stationmaster; random functions have no golden pairs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"
	"time"
	_ "time/tzdata"

	"github.com/Masterminds/sprig/v3"
)

// Data is what the templates of a job see.
type Data struct{ Name, Namespace, Payload, Template, UID, Date string }

// Row is one golden pair: a template and either its output or the error.
type Row struct {
	Group    string  `json:"group"`
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Error    string  `json:"error,omitempty"`
}

var created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var data = Data{
	Name:      "jobtemplate-sample-x7k2p9",
	Namespace: "default",
	Payload:   `{"hello":"wörld","n":1000000,"f":1.5,"neg":-3,"t":true,"z":null,"list":[1,"two",null,3.5,{"k":"v"}],"nested":{"a":{"b":"c"}},"html":"<b>&'\"</b>"}`,
	Template:  "jobtemplate-sample",
	UID:       "6d7f3c1e-8a52-4b0e-9f43-2b1f0c9d7e11",
	Date:      created.Format(time.RFC3339),
}

func main() {
	time.Local = time.UTC
	files, err := filepath.Glob("expressions/*.txt")
	check(err)
	sort.Strings(files)
	golden, err := os.Create("golden.json")
	check(err)
	out := bufio.NewWriter(golden)
	fmt.Fprintln(out, "[")
	first := true
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		group := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, line := range strings.Split(string(text), "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			row, err := json.Marshal(render(group, strings.ReplaceAll(line, "⏎", "\n")))
			check(err)
			if !first {
				fmt.Fprintln(out, ",")
			}
			first = false
			out.Write(row)
		}
	}
	fmt.Fprintln(out, "\n]")
	check(out.Flush())
	check(golden.Close())
}

func render(group, source string) Row {
	row := Row{Group: group, Template: source}
	parsed, err := template.New("t").Funcs(functions()).Parse(source)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	var output strings.Builder
	if err := parsed.Execute(&output, data); err != nil {
		row.Error = err.Error()
		return row
	}
	text := output.String()
	row.Output = &text
	return row
}

// Sprig's functions; those that read the clock are given the same time for ever, those that Stationmaster leaves out
// are left out.
func functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName", "genPrivateKey", "genCA", "genCAWithKey",
		"genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "buildCustomCert",
		"derivePassword", "bcrypt", "htpasswd", "encryptAES", "decryptAES"} {
		delete(functions, name)
	}
	functions["now"] = func() time.Time { return created }
	functions["ago"] = func(date interface{}) string {
		var t time.Time
		switch date := date.(type) {
		case time.Time:
			t = date
		case int64:
			t = time.Unix(date, 0)
		case int:
			t = time.Unix(int64(date), 0)
		}
		return created.Sub(t).Round(time.Second).String()
	}
	durationRound := functions["durationRound"].(func(interface{}) string)
	functions["durationRound"] = func(duration interface{}) string {
		if t, ok := duration.(time.Time); ok {
			return durationRound(int64(created.Sub(t)))
		}
		return durationRound(duration)
	}
	return functions
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
