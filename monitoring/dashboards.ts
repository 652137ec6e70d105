import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardText } from './dashboard';
import { postdateDashboard } from './postdate-dashboard';
import { temporalDashboard } from './temporal-dashboard';

const FOLDER = join(__dirname, 'grafana', 'dashboards');

/** The files that Grafana reads, and what is to be in them. */
export const dashboards = [
  { file: join(FOLDER, 'postdate.json'), text: dashboardText(postdateDashboard) },
  { file: join(FOLDER, 'temporal.json'), text: dashboardText(temporalDashboard) },
];

// `npm run dashboards`, after a change of what they show.
if (require.main === module) for (const { file, text } of dashboards) writeFileSync(file, text);
