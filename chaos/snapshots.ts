import { setTimeout as pause } from 'node:timers/promises';
import { audit } from '../src/audit/audit';
import { createPool } from '../src/database';
import { paymentRequestExpiry } from '../src/payment-requests/expiry';

export interface AuditFindings {
  snapshots: number;
  problems: string[];
}

// Late is what faults make of a message; everything else must agree in every snapshot.
const OF_TIME = ['overdue', 'notRelayed'];

/** Audits the application's database every second, past all proxies, for as long as it can be reached, until stopped. */
export function startSnapshots(databaseUrl: string): { stop(): Promise<AuditFindings> } {
  const pool = createPool(databaseUrl, { connections: 1, onError: () => undefined });
  const findings: AuditFindings = { snapshots: 0, problems: [] };
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      await look().catch(() => undefined);
      await pause(1_000);
    }
  })();

  async function look(): Promise<void> {
    const { at, topics, differences } = await audit(pool, [paymentRequestExpiry]);
    findings.snapshots += 1;
    for (const { tenants } of topics) {
      for (const { tenant, gap } of tenants) if (gap !== 0) findings.problems.push(`${at}: gap ${gap} of ${tenant}`);
    }
    for (const { kind, id } of differences) if (!OF_TIME.includes(kind)) findings.problems.push(`${at}: ${kind} ${id}`);
  }

  return {
    async stop() {
      stopped = true;
      await running;
      await pool.end();
      return findings;
    },
  };
}
