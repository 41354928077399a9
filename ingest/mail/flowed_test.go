package mail

import "testing"

// TestFlowed follows RFC 3676.
func TestFlowed(t *testing.T) {
	for _, c := range []struct{ name, parameters, body, want string }{
		{"lines are joined", "flowed", "La stampante \nè ferma.\nAiuto.", "La stampante è ferma.\nAiuto."},
		{"paragraphs", "flowed", "Uno \ndue.\n\nTre \nquattro.", "Uno due.\n\nTre quattro."},
		{"DelSp", "flowed; delsp=yes", "Stam \npante  \nferma", "Stampante ferma"},
		{"DelSp in upper case", "Flowed; DelSp=Yes", "Stam \npante", "Stampante"},
		{"DelSp no", "flowed; delsp=no", "La \nstampante", "La stampante"},
		{"space-stuffing", "flowed", " >non è una citazione\n  rientrata\n From qui", ">non è una citazione\n rientrata\nFrom qui"},
		{"signature mark is never joined", "flowed", "Testo\n-- \nMaria\nVerdi", "Testo\n-- \nMaria\nVerdi"},
		{"signature mark ends a flowed line", "flowed", "Testo \n-- \nMaria", "Testo \n-- \nMaria"},
		{"quotation", "flowed", "> La stampante \n> è ferma.\nQuale?", "> La stampante è ferma.\nQuale?"},
		{"levels of quotation", "flowed", ">> Uno \n>> due \n> tre \n> quattro\ncinque", ">> Uno due \n> tre quattro\ncinque"},
		{"quotation with stuffed blanks", "flowed", ">  rientrata \n> due", ">  rientrata due"},
		{"quoted signature mark", "flowed", "> Testo \n> -- \n> Maria", "> Testo \n> -- \n> Maria"},
		{"quotation ends a flowed line", "flowed", "Testo \n> citato", "Testo \n> citato"},
		{"quoted empty line", "flowed", "> uno\n>\n> due", "> uno\n>\n> due"},
		{"last line flowed", "flowed", "La stampante \nè ", "La stampante è "},
		{"first line empty", "flowed", "\n\nLa \nstampante", "La stampante"},
		{"a line of blanks", "flowed", "uno\n \ndue", "uno\n\ndue"},
		{"fixed", "fixed", "La stampante \nè ferma.", "La stampante \nè ferma."},
		{"without format", "", "La stampante \nè ferma.", "La stampante \nè ferma."},
		{"quoted parameter", `"flowed"`, "La \nstampante", "La stampante"},
	} {
		ctype := "text/plain; charset=utf-8"
		if c.parameters != "" {
			ctype += "; format=" + c.parameters
		}
		m := testReader(t).Read(mailOf("H042", c.body, "Content-Type: "+ctype))
		if m.Text != c.want {
			t.Errorf("%s: %q, want %q", c.name, m.Text, c.want)
		}
		checkPartition(t, m)
	}
}
