import { native } from "../src/torch/binding.ts";
const names:string[]=[]; const t=new Map<string,[number,number]>();
const n=native as unknown as Record<string,(...a:unknown[])=>unknown>;
const resolve=n.resolve!; n.resolve=(name)=>{const i=resolve(name) as number;names[i]=name as string;return i;};
const add=(k:string,d:number)=>{const e=t.get(k)??[0,0];e[0]+=d;e[1]++;t.set(k,e);};
export const reset=()=>t.clear();
const call=n.call!; n.call=(...a)=>{const s=performance.now();try{return call(...a);}finally{add(names[a[0] as number]??"?",performance.now()-s);}};
for(const k of Object.keys(n)) if(k!=="call"&&k!=="resolve"&&typeof n[k]==="function"){const f=n[k]!;try{n[k]=(...a)=>{const s=performance.now();try{return f(...a);}finally{add("#"+k,performance.now()-s);}};}catch{}}
export const report=(total:number)=>{let sum=0;const rows=[...t].sort((a,b)=>b[1][0]-a[1][0]);for(const [,[d]] of rows)sum+=d;console.error(`total ${total.toFixed(0)} ms, native ${sum.toFixed(0)}`);for(const [k,[d,c]] of rows.slice(0,40))console.error(`${d.toFixed(0).padStart(7)} ms ${(100*d/total).toFixed(1).padStart(5)} % ${String(c).padStart(7)} ${(1000*d/c).toFixed(1).padStart(7)} us ${k}`);};
