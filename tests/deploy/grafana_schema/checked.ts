import type {Dashboard as D} from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as bargauge from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as statetimeline from './node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as table from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

/** What the schema of dashboards leaves open: options and fields of the kinds of panels that ours use. */
export interface Checked {
  dashboard: D;
  bargaugeOptions: bargauge.Options;
  statOptions: stat.Options;
  statetimelineOptions: statetimeline.Options;
  statetimelineField: statetimeline.FieldConfig;
  tableOptions: table.Options;
  tableField: table.FieldConfig;
  timeseriesOptions: timeseries.Options;
  timeseriesField: timeseries.FieldConfig;
}
