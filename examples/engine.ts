// Fits y = sin(3x) with a small network by plain gradient descent: npx tsx examples/engine.ts
import { nn, tidy, torch } from "pixart/torch";

class Curve extends nn.Module {
  readonly hidden: nn.Linear = new nn.Linear(1, 32);
  readonly out: nn.Linear = new nn.Linear(32, 1);

  /** (B, 1) → (B, 1) */
  override forward(x: torch.Tensor): torch.Tensor {
    return this.out.call(this.hidden.call(x).tanh());
  }
}

torch.manualSeed(0);
const curve = new Curve();
const x = torch.linspace(-1, 1, 64).unsqueeze(1); // (64, 1)
const y = x.mul(3).sin();

for (let step = 0; step <= 500; step++) {
  // Everything that a step makes is freed at its end; the network's own tensors stay.
  tidy(() => {
    const loss = torch.functional.mseLoss(curve.call(x), y);
    torch.backward(loss);
    torch.noGrad(() => {
      for (const weight of curve.parameters()) {
        const { grad } = weight;
        if (grad !== undefined) weight.sub_(grad.mul(0.1));
        weight.grad = undefined;
      }
    });
    if (step % 100 === 0) console.log(`step ${step}: loss ${loss.item().toFixed(5)}`);
  });
}
