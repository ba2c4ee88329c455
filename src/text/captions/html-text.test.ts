import { describe, expect, it } from "vitest";
import { htmlText } from "./html-text.ts";

// The expected texts are those of BeautifulSoup 4.15 with Python 3.11's html.parser.
describe("htmlText", () => {
  it.each([
    ["a <b>bold</b> fox", "a bold fox"],
    ["a<br>b<br/>c", "abc"],
    ["a <!-- no --> b", "a  b"],
    ["<script>if (a < b) {}</script>x<style>y</style>", "x"],
    ["<pre>  </pre><p>  </p><p>\n </p>", "   \n"],
    ["caf&eacute; &amp; &#8220;&#147;&#x41;", "café & ““A"],
    ["a&#0;b &#xd83d;&#xde00; &#56832; &#1114112;", "a\ufffdb \ufffd\ufffd \ufffd \ufffd"],
    ["&foo; &foo", "&foo &foo"],
    ["tom & jerry, at&t", "tom & jerry, att"],
    ["at&t", "att"],
    ["i <3 you > me", "i <3 you > me"],
    ["a <b", "a <b"],
    ["<a href='x>y' title=\"z\">link</a>", "link"],
    ["<![cdata[seen]]><![if x]>", "seen"],
    ["<![cdata[]]>x", " x"],
    ["<rp>(</rp>x<template>y</template>", "x"],
    ["", ""],
  ])("%j → %j", (html, expected) => {
    expect(htmlText(html)).toBe(expected);
  });

  it("takes sections of an unknown kind for text", () => {
    expect(htmlText("a <![x y]> b")).toBe("a <![x y]> b");
  });
});
