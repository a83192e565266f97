-- ARGV: seconds to live, job id, record, seal, submitted at, total, is listed, bits of the done frames,
-- bits of the failed ones, their counts, then index and dead letter of each failed one.
-- KEYS[6]: all jobs.

redis.call('ZADD', KEYS[6], ARGV[5], ARGV[2])
local total, is_listed = tonumber(ARGV[6]), ARGV[7]
local known = known_total()
if known then
    -- A producer may have recorded more since the object store was read.
    if known > total or (known == total and redis.call('HGET', JOB, 'is_listed') == '1') then
        is_listed = redis.call('HGET', JOB, 'is_listed')
    end
    total = math.max(total, known)
else
    redis.call('DEL', JOB, ATTEMPTS)
    redis.call('HSET', JOB, 'state', 'running', 'sent', 0)
end
redis.call('DEL', DEAD)
redis.call('SET', DONE, ARGV[8])
redis.call('SET', FAILED, ARGV[9])
for i = 12, #ARGV, 2 do
    redis.call('HSET', DEAD, ARGV[i], ARGV[i + 1])
end
for _, index in ipairs(redis.call('HKEYS', ATTEMPTS)) do
    if redis.call('GETBIT', DONE, index) == 1 or redis.call('GETBIT', FAILED, index) == 1 then
        drop_attempt(index)
    end
end
redis.call(
    'HSET', JOB, 'record', ARGV[3], 'seal', ARGV[4], 'total', total, 'is_listed', is_listed,
    'done', ARGV[10], 'failed', ARGV[11]
)
local settled = tonumber(ARGV[10]) + tonumber(ARGV[11])
if settled > 0 then
    -- The object store does not say when; the submission keeps 'frames a second' honest.
    redis.call('HSETNX', JOB, 'began_at', ARGV[5])
    redis.call('HSETNX', JOB, 'moved_at', now())
end
if is_listed ~= '1' or settled < total then
    uncomplete()
else
    redis.call('HSETNX', JOB, 'completed_at', now())
end
renew(ARGV[1])
