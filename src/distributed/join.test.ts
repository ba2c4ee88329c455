import { expect, it } from "vitest";
import { join } from "./join.ts";

it("says that nobody has the name of rank 0's machine", async () => {
  const place = {
    rank: 1,
    size: 2,
    localRank: 1,
    localSize: 2,
    masterAddress: "nope.invalid",
    masterPort: 29500,
    storeIsServed: false,
    restarts: 0,
  };
  await expect(join(place)).rejects.toThrow(
    /^Expected the address of rank 0's machine, or a name that this machine can resolve, for MASTER_ADDR but received nope\.invalid \(E\w+\)\. Check its spelling, or give its IP address$/,
  );
});
