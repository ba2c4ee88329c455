import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/sections.css";
import "./styles/pictures.css";
import "./styles/curves.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { hearKeys, openSession } from "./session/session.ts";

const place = document.getElementById("app");
if (place === null) throw new Error("Expected an element #app in index.html");
render(<App />, place);
hearKeys();
void openSession();
