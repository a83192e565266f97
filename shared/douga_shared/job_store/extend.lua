-- ARGV: seconds to live, call, total, is listed. Returns 1 when that completes the job.

local known = known_total()
if not known then
    return 0
end
local total = tonumber(ARGV[3])
if total > known then
    redis.call('HSET', JOB, 'total', ARGV[3], 'is_listed', ARGV[4])
    uncomplete()
elseif ARGV[4] == '1' and total == known then
    redis.call('HSET', JOB, 'is_listed', 1)
end
renew(ARGV[1])
return complete(ARGV[2])
