-- ARGV: seconds to live, job id, record, seal, submitted at, total, is listed, bits of the done frames,
-- then index and dead letter of each failed one. KEYS[6]: all jobs.

redis.call('ZADD', KEYS[6], ARGV[5], ARGV[2])
local total, is_listed = tonumber(ARGV[6]), ARGV[7]
local known = known_total()
if not known then
    redis.call('DEL', JOB, DONE, FAILED, ATTEMPTS, DEAD)
    redis.call('HSET', JOB, 'state', 'running', 'sent', 0)
elseif known > total or known == total and is_listed == '0' then
    -- A producer has recorded more since the object store was read.
    total, is_listed = known, redis.call('HGET', JOB, 'is_listed')
end

local news = DONE .. ':news'
redis.call('SET', news, ARGV[8])
redis.call('BITOP', 'OR', DONE, DONE, news)
redis.call('DEL', news)
for i = 9, #ARGV, 2 do
    local index = ARGV[i]
    if redis.call('SETBIT', FAILED, index, 1) == 0 then
        redis.call('HSET', DEAD, index, ARGV[i + 1])
    end
end
for _, index in ipairs(redis.call('HKEYS', DEAD)) do
    if redis.call('GETBIT', DONE, index) == 1 then
        redis.call('SETBIT', FAILED, index, 0)
        redis.call('HDEL', DEAD, index)
    end
end
for _, index in ipairs(redis.call('HKEYS', ATTEMPTS)) do
    if redis.call('GETBIT', DONE, index) == 1 or redis.call('GETBIT', FAILED, index) == 1 then
        drop_attempt(index)
    end
end

local done, failed = redis.call('BITCOUNT', DONE), redis.call('BITCOUNT', FAILED)
redis.call(
    'HSET', JOB, 'record', ARGV[3], 'seal', ARGV[4], 'total', total, 'is_listed', is_listed,
    'done', done, 'failed', failed
)
if done + failed > 0 then
    -- The object store does not say when; the submission keeps 'frames a second' honest.
    redis.call('HSETNX', JOB, 'began_at', ARGV[5])
    redis.call('HSETNX', JOB, 'moved_at', now())
end
if is_listed == '1' and done + failed >= total then
    redis.call('HSETNX', JOB, 'completed_at', now())
else
    uncomplete()
end
renew(ARGV[1])
