const {report,reset}=await import("./.prof.mts");
const {TrainingRun}=await import("../src/training/index.ts").catch(()=>({})) as any;
const s=performance.now();
process.on("exit",()=>report(performance.now()-s));
process.argv=[process.argv[0]!,"pixart",...process.argv.slice(2)];
await import("../src/cli/main.ts");
